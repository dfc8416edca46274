/**
 * A search of whole texts, whatever their case: "*" stands for any text, "?" for one character. Time is bounded by the product of both lengths,
 * for a later "*" never needs an earlier one to be reconsidered.
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const wanted = [...pattern.toLowerCase()]
  return text => matchGlob(wanted, [...text.toLowerCase()])
}

function matchGlob(wanted: readonly string[], text: readonly string[]): boolean {
  let [at, next, star, starAt] = [0, 0, -1, 0]
  while (at < text.length) {
    if (wanted[next] === '*') {
      star = next++
      starAt = at
    } else if (wanted[next] === '?' || wanted[next] === text[at]) {
      at++
      next++
    } else if (star >= 0) {
      next = star + 1
      at = ++starAt
    } else return false
  }
  while (wanted[next] === '*') next++
  return next === wanted.length
}
