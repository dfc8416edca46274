import t from 'tap'
import type { Libc } from '../../../server/listen/libc.ts'
import { closeLeft, createDescriptorBuffer, Descriptors } from '../../../server/threads/descriptors.ts'

t.test('what a thread has opened and not closed is closed once it has ended, and once only', async t => {
  const buffer = createDescriptorBuffer()
  const descriptors = new Descriptors(buffer)
  for (const fd of [0, 21, 22, 23]) descriptors.opened(fd)
  descriptors.closing(22)
  descriptors.opened(24)
  const closed: number[] = []
  const libc = { close: (fd: number) => closed.push(fd) } as Partial<Libc> as Libc
  closeLeft(buffer, libc)
  closeLeft(buffer, libc)
  t.same(
    closed.sort((a, b) => a - b),
    [0, 21, 23, 24],
  )
})

t.test('there is room for so many, and again once one is closed', async t => {
  const descriptors = new Descriptors(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
  descriptors.opened(5)
  t.ok(descriptors.hasRoom)
  descriptors.opened(6)
  t.notOk(descriptors.hasRoom)
  descriptors.closing(5)
  t.ok(descriptors.hasRoom)
})
