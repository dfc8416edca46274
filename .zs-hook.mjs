import module from 'node:module'
module.enableCompileCache('/tmp/zonespeed/cc')
if (process.env.HOOK) module.registerHooks({ resolve(s, c, next) { 
  if (s.charCodeAt(0) === 46 && (s.endsWith('.ts') || (s.endsWith('.js') && c.conditions.includes('import')))) return { url: new URL(s, c.parentURL).href, shortCircuit: true, format: s.endsWith('.ts') ? 'module-typescript' : undefined }
  return next(s, c) } })
const c = process.cpuUsage(), b = performance.now()
for (const m of process.argv.slice(2)) await import(m)
const d = process.cpuUsage(c)
console.log(process.env.HOOK ?? '', process.argv[2], `wall ${(performance.now()-b).toFixed(0)} cpu ${((d.user+d.system)/1000).toFixed(0)}`)
module.flushCompileCache?.()
