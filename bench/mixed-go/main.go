// Command mixed-go is both clients of bench/mixed.ts: "meter" asks questions at a steady rate and measures how long each answer takes, "load" asks for
// certificates and sends updates. Both are cheap, so that what is measured is the server's.
//
// Usage: mixed-go meter|load FLAGS
package main

import (
	"encoding/json"
	"log"
	"os"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: mixed-go meter|load FLAGS")
	}
	switch os.Args[1] {
	case "meter":
		meter(os.Args[2:])
	case "load":
		load(os.Args[2:])
	default:
		log.Fatalf("%s: meter or load was expected", os.Args[1])
	}
}

// report prints the result as a line of JSON.
func report(result any) {
	must(json.NewEncoder(os.Stdout).Encode(result))
}

// cpuSeconds is what this process has used of processors.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
