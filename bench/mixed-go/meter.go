package main

import (
	"flag"
	"log"
	"math"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// How often the meter looks what is due.
	tick = 200 * time.Microsecond
	// Questions of one tick at most: what has been missed is made up for at such a pace.
	burst = 8
	// How long an answer is waited for.
	patience = time.Second
	// From when on a question counts as asked too late.
	tolerance = 500 * time.Microsecond
	// Above the serving threads of a server that has real-time priority itself.
	realtimePriority = 2
)

// Latencies is what the meter prints. Milliseconds, of all questions that were asked; what got no answer counts as the whole patience.
type Latencies struct {
	Asked    int     `json:"asked"`
	Answered int     `json:"answered"`
	Late     int     `json:"late"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	P999     float64 `json:"p999"`
	// Seconds of processor time that the meter itself took.
	CPU float64 `json:"cpu"`
	// Whether the system let the meter go before all others.
	Realtime bool `json:"realtime"`
}

// run is a measurement under way.
type run struct {
	rate      int
	questions [][]byte
	clients   []*client
	poll      *poll
	// Nanoseconds of CLOCK_REALTIME when each question was asked, and how long its answer took; 0: not yet.
	asked []int64
	took  []int64
	// How many have been asked, how many have an answer, and how many were asked too late.
	next, answered, late int
}

func meter(args []string) {
	flags := flag.NewFlagSet("meter", flag.ExitOnError)
	server := flags.String("server", "127.0.0.1:53", "address and port")
	file := flags.String("queries", "", "file of questions, a name and a type in each line")
	rate := flags.Int("rate", 20000, "questions a second")
	seconds := flags.Float64("seconds", 10, "how long")
	ports := flags.Int("ports", 20, "ports that are asked from")
	must(flags.Parse(args))

	address, err := netip.ParseAddrPort(*server)
	must(err)
	questions := readQuestions(*file)
	total := int(float64(*rate) * *seconds)
	r := &run{rate: *rate, questions: questions, poll: newPoll(), asked: make([]int64, total), took: make([]int64, total)}
	for i := range *ports {
		r.clients = append(r.clients, newClient(address))
		r.poll.add(r.clients[i].fd, i)
	}
	// Nothing is allocated while it runs, and system calls are raw: telling the scheduler of each costs more than most of them.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	realtime := goFirst()
	before := cpuSeconds()
	r.measure()
	used := cpuSeconds() - before
	report(r.latencies(used, realtime))
}

// goFirst has this thread run whenever it is due. A meter that waited for a processor would not ask just when the server has none either.
func goFirst() bool {
	// A timer of an ordinary thread may be 50 µs late.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: realtimePriority}
	return unix.SchedSetAttr(0, &attr, 0) == nil
}

func (r *run) measure() {
	begin := monotonic()
	interval := int64(time.Second) / int64(r.rate)
	for now := begin; r.next < len(r.asked); now = monotonic() {
		for sent := 0; sent < burst && r.next < len(r.asked); sent++ {
			due := begin + int64(r.next)*interval
			if now < due {
				break
			}
			if now > due+int64(tolerance) {
				r.late++
			}
			r.ask()
		}
		r.collect(0)
		sleepUntil(now - (now-begin)%int64(tick) + int64(tick))
	}
	for until := monotonic() + int64(patience); r.answered < r.next && monotonic() < until; {
		r.collect(10)
	}
}

// ask sends the next question. It counts from before it is sent.
func (r *run) ask() {
	n := r.next
	from := r.clients[n%len(r.clients)]
	question := r.questions[n%len(r.questions)]
	id := uint16(n / len(r.clients))
	question[0], question[1] = byte(id>>8), byte(id)
	r.asked[n] = time.Now().UnixNano()
	from.send(question)
	r.next++
}

// collect takes an answer of each client that has some, and waits at most so many milliseconds for the first.
func (r *run) collect(milliseconds int) {
	for _, i := range r.poll.ready(milliseconds) {
		id, good, at := r.clients[i].receive()
		if n := r.number(i, id); n >= 0 && good && r.took[n] == 0 {
			r.took[n] = max(at-r.asked[n], 1)
			r.answered++
		}
	}
}

// number is the question that a client has asked last with that ID; -1 where there was none.
func (r *run) number(client int, id uint16) int {
	last := (r.next - 1 - client) / len(r.clients)
	nth := last - int(uint16(last)-id)
	if nth < 0 {
		return -1
	}
	return nth*len(r.clients) + client
}

func (r *run) latencies(used float64, realtime bool) Latencies {
	if r.answered == 0 {
		log.Fatal("nothing was answered")
	}
	sorted := make([]int64, r.next)
	for n := range sorted {
		sorted[n] = r.took[n]
		if r.took[n] == 0 {
			sorted[n] = int64(patience)
		}
	}
	slices.Sort(sorted)
	at := func(share float64) float64 {
		index := min(len(sorted)-1, int(float64(len(sorted))*share))
		return math.Round(float64(sorted[index])/1e3) / 1e3
	}
	return Latencies{Asked: r.next, Answered: r.answered, Late: r.late, P50: at(0.5), P99: at(0.99), P999: at(0.999), CPU: used, Realtime: realtime}
}

func monotonic() int64 {
	return int64(time.Since(started))
}

var started = time.Now()

func sleepUntil(at int64) {
	rest := unix.NsecToTimespec(at - monotonic())
	if rest.Nano() > 0 {
		unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&rest)), 0, 0)
	}
}
