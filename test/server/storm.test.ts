import { join } from 'node:path'
import t from 'tap'
import { request } from '../../cli/control.ts'
import { loadConfig } from '../../config/load.ts'
import { Rcode } from '../../dns/codes.ts'
import { parseMessage, writeMessage } from '../../dns/message.ts'
import { silentLog } from '../../host/log.ts'
import { systemWorld } from '../../host/world.ts'
import { startDaemon } from '../../server/daemon.ts'
import { put, scratch } from '../cli/session.ts'
import { FrameClient, queryMessage } from './serving.ts'

const RECORDS = 100_000
const zone = (records: number) =>
  [
    '$TTL 300',
    '@ SOA ns h 1 3600 600 86400 60',
    '@ NS ns',
    'ns A 127.0.0.1',
    ...Array.from({ length: records }, (_, i) => `h${i} A 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
    '',
  ].join('\n')
const config = (more = '') => `
name: ns.test
data_dir: data
workers: 2
listen: { dns: ["127.0.0.1:0"] }
views:
  - name: v
    zones:
      - { name: large.example, file: large.zone, transfer: [{ from: [127.0.0.1] }] }
      - { name: small.example, file: small.zone }${more}
ca: { name: Test, url: "https://localhost", http_url: "http://localhost", issue: [{ names: ["**.example"] }], profiles: [{ name: default, validity: 1d }] }
`

t.test(
  'a transfer of 100,000 records, reloads and a storm of certificates leave no query without its answer',
  async t => {
    const cwd = scratch(t, {
      'namestead.yaml': config(),
      'large.zone': zone(RECORDS),
      'small.zone': zone(10),
      'more.zone': zone(10),
    })
    const configFile = join(cwd, 'namestead.yaml')
    const read = (text: string) => {
      put(cwd, 'namestead.yaml', text)
      return loadConfig(configFile).config!
    }
    const owner = { configFile, reload: async () => ({}), stop() {}, fail() {} }
    const daemon = await startDaemon(read(config()), owner, systemWorld, silentLog)
    t.teardown(() => daemon.stop())
    const dns = { address: '127.0.0.1', port: Number(daemon.status().listen['dns']![0]!.split(':')[1]) }

    let over = false
    let [asked, answered] = [0, 0]
    /** One question after the other, on a connection of its own. */
    const ask = async () => {
      const client = new FrameClient(dns)
      for (let i = 1; !over; i++) {
        client.send(writeMessage(queryMessage({ name: `h${i % 10}.small.example.` })))
        asked++
        const answer = (await client.messages(i))[i - 1]
        if (answer && parseMessage(answer).rcode === Rcode.NOERROR) answered++
      }
      await client.end()
    }
    const transfer = async () => {
      const client = new FrameClient(dns)
      client.send(writeMessage(queryMessage({ name: 'large.example.', type: 'AXFR' })))
      let [records, read] = [0, 0]
      while (records < RECORDS + 4) {
        const messages = await client.messages(read + 1)
        if (messages.length === read) break
        for (; read < messages.length; read++) records += parseMessage(messages[read]!).answer.length
      }
      await client.end()
      return records
    }
    const reload = async () => {
      for (let i = 0; i < 10; i++) {
        const more = i % 2 ? '' : '\n      - { name: more.example, file: more.zone }'
        await daemon.reload(read(config(more)))
      }
    }
    const issue = async (i: number) =>
      request(join(cwd, 'data', 'control.sock'), 'ca.issue', { names: [`c${i}.example`], profile: 'default' })

    const asking = [ask(), ask(), ask(), ask()]
    const certificates = Promise.all(Array.from({ length: 100 }, (_, i) => issue(i)))
    const [records, issued] = await Promise.all([transfer(), certificates, reload()])
    over = true
    await Promise.all(asking)
    t.equal(records, RECORDS + 4)
    t.equal(issued.length, 100)
    t.ok(asked > 0)
    t.equal(answered, asked)
  },
)
