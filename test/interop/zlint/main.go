// Lints the certificates, CRLs and OCSP responses named as arguments and prints one line per finding that is an error or a warning.
package main

import (
	"encoding/pem"
	"fmt"
	"os"

	"github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3"
	"github.com/zmap/zlint/v3/lint"
	"golang.org/x/crypto/ocsp"
)

func main() {
	for _, file := range os.Args[1:] {
		text, err := os.ReadFile(file)
		if err != nil {
			panic(err)
		}
		block, _ := pem.Decode(text)
		for name, result := range check(block).Results {
			if result.Status >= lint.Warn {
				fmt.Printf("%s %s %s %s\n", file, result.Status, name, result.Details)
			}
		}
	}
}

func check(block *pem.Block) *zlint.ResultSet {
	switch block.Type {
	case "X509 CRL":
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			panic(err)
		}
		return zlint.LintRevocationList(list)
	case "OCSP RESPONSE":
		response, err := ocsp.ParseResponse(block.Bytes, nil)
		if err != nil {
			panic(err)
		}
		return zlint.LintOcspResponse(response)
	default:
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		return zlint.LintCertificate(certificate)
	}
}
