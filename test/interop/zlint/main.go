// Lints the certificates named as arguments and prints one line per finding that is an error or a warning.
package main

import (
	"encoding/pem"
	"fmt"
	"os"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
)

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		block, _ := pem.Decode(text)
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		for name, result := range zlint.LintCertificate(certificate).Results {
			if result.Status >= lint.Warn {
				fmt.Printf("%s %s %s %s\n", file, result.Status, name, result.Details)
			}
		}
	}
}
