import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { digestOfLargeFile } from '../../../server/zones/file-digest.ts'
import { digestOfFile } from '../../../zones/file/file.ts'

const PART = 1 << 20

t.test('a digest taken in parts is the one of the whole', async t => {
  const file = join(t.testdir(), 'zone')
  for (const length of [0, 1, 8, PART - 1, PART, PART + 1, 3 * PART + 5]) {
    const text = '$ORIGIN a.example.\n'.repeat(length / 10 + 1).slice(0, length)
    writeFileSync(file, text)
    t.equal(
      await digestOfLargeFile(file),
      digestOfFile(file, () => text),
      `${length} octets`,
    )
  }
})

t.test('a file that includes another, or is not ASCII, is for whoever reads it whole', async t => {
  const file = join(t.testdir(), 'zone')
  for (let cut = -9; cut <= 1; cut++) {
    writeFileSync(file, `${' '.repeat(PART + cut - 1)}\n$Include other\n`)
    t.equal(await digestOfLargeFile(file), undefined, `a directive ${-cut} octets before the end of a part`)
  }
  writeFileSync(file, `; ä\n`)
  t.equal(await digestOfLargeFile(file), undefined)
  t.equal(await digestOfLargeFile(`${file}.none`), undefined)
})
