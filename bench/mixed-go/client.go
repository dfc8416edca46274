package main

import (
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// The largest answer that matters.
	answerRoom = 1232
	// What the kernel keeps for a socket that nobody reads for a while.
	receiveBuffer = 1 << 20
	controlRoom   = 64
	// RFC 1035 §4.1.1: the third octet has QR, the fourth the RCODE, the seventh and eighth how many records answer.
	headerLength = 12
	responseBit  = 0x80
)

// client is one port that is asked from, with the room for one answer and for the moment when the kernel received it.
type client struct {
	fd      int
	answer  [answerRoom]byte
	control [controlRoom]byte
	vector  unix.Iovec
	header  unix.Msghdr
}

func newClient(server netip.AddrPort) *client {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(err)
	must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer))
	must(unix.Connect(fd, &unix.SockaddrInet4{Port: int(server.Port()), Addr: server.Addr().As4()}))
	c := &client{fd: fd}
	c.vector.Base = &c.answer[0]
	c.vector.SetLen(answerRoom)
	c.header.Iov = &c.vector
	c.header.SetIovlen(1)
	c.header.Control = &c.control[0]
	return c
}

// send loses the question where the system does not take it, and then it has no answer either.
func (c *client) send(question []byte) {
	unix.RawSyscall(unix.SYS_WRITE, uintptr(c.fd), uintptr(unsafe.Pointer(&question[0])), uintptr(len(question)))
}

// receive is the ID of an answer, whether it holds records without an error, and when it arrived by CLOCK_REALTIME.
func (c *client) receive() (id uint16, good bool, at int64) {
	c.header.SetControllen(controlRoom)
	length, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&c.header)), 0)
	if errno != 0 || c.header.Controllen < unix.SizeofCmsghdr {
		return 0, false, 0
	}
	// The only thing that was asked for beside the datagram.
	arrival := (*unix.Timespec)(unsafe.Pointer(&c.control[unix.CmsgLen(0)]))
	a := &c.answer
	good = length >= headerLength && a[2]&responseBit != 0 && a[3]&15 == 0 && (a[6] != 0 || a[7] != 0)
	return uint16(a[0])<<8 | uint16(a[1]), good, arrival.Nano()
}

// poll tells which clients have answers.
type poll struct {
	fd     int
	events [64]unix.EpollEvent
	found  []int
}

func newPoll() *poll {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	must(err)
	return &poll{fd: fd, found: make([]int, 0, 64)}
}

func (p *poll) add(fd, index int) {
	must(unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(index)}))
}

// ready is good until the next call.
func (p *poll) ready(milliseconds int) []int {
	p.found = p.found[:0]
	room := uintptr(unsafe.Pointer(&p.events[0]))
	count, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), room, uintptr(len(p.events)), uintptr(milliseconds), 0, 0)
	if errno != 0 {
		return p.found
	}
	for i := range count {
		p.found = append(p.found, int(p.events[i].Fd))
	}
	return p.found
}
