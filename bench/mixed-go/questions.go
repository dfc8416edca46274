package main

import (
	"bufio"
	"log"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// readQuestions packs a question for every line of a file as dnsperf reads them.
func readQuestions(path string) (questions [][]byte) {
	file, err := os.Open(path)
	must(err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		name, kind, _ := strings.Cut(lines.Text(), " ")
		message := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.StringToType[kind])
		message.RecursionDesired = false
		wire, err := message.Pack()
		must(err)
		questions = append(questions, wire)
	}
	if len(questions) == 0 {
		log.Fatalf("%s: no questions", path)
	}
	return questions
}
