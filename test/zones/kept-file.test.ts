import t from 'tap'
import type { ZoneConfig } from '../../config/schema.ts'
import { parseName } from '../../dns/name.ts'
import { silentLog } from '../../host/log.ts'
import { openMemoryDatabase } from '../../server/storage/memory-database.ts'
import { type ReadZone, readZoneHere } from '../../zones/file/file.ts'
import { openPrimary } from '../../zones/primary.ts'
import { WORTH_KEEPING } from '../../zones/store/images.ts'
import { createZoneStore, ZONE_MIGRATIONS } from '../../zones/store/store.ts'
import { createSimulatedClock } from '../simulation/clock.ts'
import { MemoryFiles } from './image-files.ts'
import { NS, ORIGIN, SOA } from './lines.ts'

const HOSTS = Array.from({ length: WORTH_KEEPING }, (_, i) => `h${i} 60 IN A 192.0.2.1`)
const ZONE = [SOA, NS, 'ns 60 IN A 192.0.2.2', ...HOSTS].join('\n')
const config = {
  name: ORIGIN,
  type: 'primary',
  file: '/z',
  notify: [],
  transfer: [],
  update: [],
} as unknown as ZoneConfig

/** A machine with one zone that is its file; opening the zone again is a restart. `parsed` says which texts were read as zones. */
function machine() {
  const files = new MemoryFiles()
  const store = createZoneStore(openMemoryDatabase(ZONE_MIGRATIONS), undefined, files)
  const disk = { text: ZONE, parsed: 0 }
  const readFile = () => disk.text
  const readHere = readZoneHere(readFile)
  const readZone: ReadZone = async (...args) => {
    const zone = await readHere(...args)
    if (zone) disk.parsed++
    return zone
  }
  const deps = {
    store,
    clock: createSimulatedClock(),
    log: silentLog,
    serverName: parseName('ns.'),
    readFile,
    readZone,
  }
  const open = async () => {
    const zone = await openPrimary('inside', config, deps)
    return { zone, size: zone.contents.size() }
  }
  return { files, disk, open }
}

t.test('a file that has not changed is not read as a zone again after a restart', async t => {
  const { disk, open } = machine()
  const { size } = await open()
  t.equal(disk.parsed, 1)
  const { zone, size: again } = await open()
  t.strictSame([disk.parsed, again], [1, size])
  disk.text += '\nlate 60 IN A 192.0.2.3\n'
  await zone.reload(config)
  t.strictSame([disk.parsed, zone.contents.size()], [2, size + 1], 'and is read when it changes')
})

t.test('one that has changed meanwhile is read', async t => {
  const { disk, open } = machine()
  const { size } = await open()
  disk.text += '\nlate 60 IN A 192.0.2.3\n'
  t.equal((await open()).size, size + 1)
  t.equal((await open()).size, size + 1)
  t.equal(disk.parsed, 2)
})

t.test('warnings are given at every start', async t => {
  const { disk, open, files } = machine()
  disk.text += '\nlate 60 IN A 192.0.2.3\nlate 61 IN A 192.0.2.4\n'
  await open()
  t.equal(files.files.size, 0)
})

t.test('a zone that is soon read is not kept', async t => {
  const { disk, open, files } = machine()
  disk.text = [SOA, NS, 'ns 60 IN A 192.0.2.2'].join('\n')
  await open()
  t.equal(files.files.size, 0)
})
