package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

const (
	updatesAtOnce = 32
	// Names that the updates change, none of which is asked for.
	updatedNames = 1000
	keyName      = "bench."
	ttl          = 60
	// RFC 8945 §10: the recommended fudge, in seconds.
	fudge = 300
)

// updater changes a zone by signed updates (RFC 2136, RFC 8945) over UDP, from sockets that stay open.
type updater struct {
	zone   string
	client *dns.Client
	server string
	idle   chan net.Conn
	sent   atomic.Int64
}

func newUpdater(server, apex, secretFile string) *updater {
	secret, err := os.ReadFile(secretFile)
	must(err)
	u := &updater{
		zone:   dns.Fqdn(apex),
		client: &dns.Client{TsigSecret: map[string]string{keyName: strings.TrimSpace(string(secret))}},
		server: server,
		idle:   make(chan net.Conn, updatesAtOnce),
	}
	for range updatesAtOnce {
		u.idle <- u.dial()
	}
	return u
}

// replaceNext gives the next of the names another address.
func (u *updater) replaceNext() error {
	n := u.sent.Add(1)
	return u.replace(fmt.Sprintf("u%d.%s %d IN A 10.%d.%d.%d", n%updatedNames, u.zone, ttl, n>>16&255, n>>8&255, n&255))
}

// replace puts a record in place of all of its name and type (RFC 2136 §2.5.2 and §2.5.1), and waits for the answer, whose signature is verified.
func (u *updater) replace(text string) error {
	record, err := dns.NewRR(text)
	if err != nil {
		return err
	}
	message := new(dns.Msg).SetUpdate(u.zone)
	message.RemoveRRset([]dns.RR{record})
	message.Insert([]dns.RR{record})
	message.SetTsig(keyName, dns.HmacSHA256, fudge, time.Now().Unix())
	socket := <-u.idle
	defer func() { u.idle <- socket }()
	// A dns.Conn takes what it sends for one sequence of signed messages; these have nothing to do with each other.
	reply, _, err := u.client.ExchangeWithConn(message, &dns.Conn{Conn: socket})
	if err != nil {
		// Whatever still comes is no answer to the next.
		socket.Close()
		socket = u.dial()
		return err
	}
	if reply.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("the update was answered with %s", dns.RcodeToString[reply.Rcode])
	}
	return nil
}

func (u *updater) dial() net.Conn {
	socket, err := net.Dial("udp", u.server)
	must(err)
	return socket
}
