// Command acme-go drives an ACME server with golang.org/x/crypto/acme and prints the chain that it got.
//
// Usage: acme-go DIRECTORY ROOT.pem HOOK NAME...
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"time"

	"golang.org/x/crypto/acme"
)

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	client := newClient(os.Args[1], os.Args[2])
	if _, err := client.Register(ctx, &acme.Account{Contact: []string{"mailto:ops@example.test"}}, acme.AcceptTOS); err != nil {
		log.Fatalf("register: %v", err)
	}
	names := os.Args[4:]
	preauthorize(ctx, client, os.Args[3], names[0])
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(names...))
	if err != nil {
		log.Fatalf("order: %v", err)
	}
	for _, url := range order.AuthzURLs {
		prove(ctx, client, os.Args[3], url)
	}
	if order, err = client.WaitOrder(ctx, order.URI); err != nil {
		log.Fatalf("wait: %v", err)
	}
	key := newKey()
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: names}, key)
	must(err)
	chain, _, err := client.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	if err != nil {
		log.Fatalf("finalize: %v", err)
	}
	for _, der := range chain {
		must(pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	if err := client.RevokeCert(ctx, nil, chain[0], acme.CRLReasonSuperseded); err != nil {
		log.Fatalf("revoke: %v", err)
	}
	if err := client.AccountKeyRollover(ctx, newKey()); err != nil {
		log.Fatalf("rollover: %v", err)
	}
	if err := client.DeactivateReg(ctx); err != nil {
		log.Fatalf("deactivate: %v", err)
	}
}

// preauthorize proves a name before there is an order (RFC 8555 §7.4.1).
func preauthorize(ctx context.Context, client *acme.Client, hook, name string) {
	authz, err := client.Authorize(ctx, name)
	if err != nil {
		log.Fatalf("authorize: %v", err)
	}
	prove(ctx, client, hook, authz.URI)
}

func prove(ctx context.Context, client *acme.Client, hook, url string) {
	authz, err := client.GetAuthorization(ctx, url)
	must(err)
	if authz.Status == acme.StatusValid {
		return
	}
	for _, challenge := range authz.Challenges {
		if challenge.Type != "dns-01" {
			continue
		}
		record, err := client.DNS01ChallengeRecord(challenge.Token)
		must(err)
		must(exec.Command(hook, "present", fmt.Sprintf("_acme-challenge.%s.", authz.Identifier.Value), record).Run())
		if _, err := client.Accept(ctx, challenge); err != nil {
			log.Fatalf("accept: %v", err)
		}
		if _, err := client.WaitAuthorization(ctx, url); err != nil {
			log.Fatalf("authorization: %v", err)
		}
		return
	}
	log.Fatalf("no dns-01 challenge for %s", authz.Identifier.Value)
}

func newClient(directory, root string) *acme.Client {
	pool := x509.NewCertPool()
	text, err := os.ReadFile(root)
	must(err)
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	return &acme.Client{Key: newKey(), DirectoryURL: directory, HTTPClient: &http.Client{Transport: transport}}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
