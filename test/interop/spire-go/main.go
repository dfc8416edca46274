// Command spire-go has the upstream authority plugin "vault" of SPIRE ask a running daemon for the certificate of a SPIRE server's CA, and
// prints its chain and the root.
//
// Usage: spire-go HTTPS-URL ROOT.pem TRUST-DOMAIN SECRET-ID
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"net/url"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	upstreamauthorityv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/plugin/server/upstreamauthority/v1"
	configv1 "github.com/spiffe/spire-plugin-sdk/proto/spire/service/common/config/v1"
	"google.golang.org/grpc"

	"github.com/spiffe/spire/pkg/server/plugin/upstreamauthority/vault"
)

func main() {
	log.SetFlags(0)
	server, root, domain, secretID := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := mint(ctx, server, root, domain, "wrong"); err == nil {
		log.Fatal("a wrong SecretID had a certificate")
	}
	if _, err := mint(ctx, server, root, "other.example.test", secretID); err == nil {
		log.Fatal("another trust domain had a certificate")
	}
	answer, err := mint(ctx, server, root, domain, secretID)
	if err != nil {
		log.Fatal(err)
	}
	for _, one := range append(answer.X509CaChain, answer.UpstreamX509Roots...) {
		if err := pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: one.Asn1}); err != nil {
			log.Fatal(err)
		}
	}
}

// mint does what SPIRE does with its plugin: configure it, then ask for the certificate of a new key.
func mint(ctx context.Context, server, root, domain, secretID string) (*upstreamauthorityv1.MintX509CAResponse, error) {
	plugin := vault.New()
	plugin.SetLogger(hclog.NewNullLogger())
	_, err := plugin.Configure(ctx, &configv1.ConfigureRequest{
		CoreConfiguration: &configv1.CoreConfiguration{TrustDomain: domain},
		HclConfiguration: fmt.Sprintf(`vault_addr = %q
pki_mount_point = "pki"
ca_cert_path = %q
approle_auth { approle_auth_mount_point = "approle" approle_id = "spire" approle_secret_id = %q }`, server, root, secretID),
	})
	if err != nil {
		return nil, err
	}
	answer := &answers{ctx: ctx}
	request := &upstreamauthorityv1.MintX509CARequest{Csr: csr(domain), PreferredTtl: 3600}
	err = plugin.MintX509CAAndSubscribe(request, answer)
	return answer.first, err
}

// answers is the stream to which the plugin sends, within this process.
type answers struct {
	grpc.ServerStream
	ctx   context.Context
	first *upstreamauthorityv1.MintX509CAResponse
}

func (a *answers) Context() context.Context { return a.ctx }

func (a *answers) Send(answer *upstreamauthorityv1.MintX509CAResponse) error {
	a.first = answer
	return nil
}

// csr is what a SPIRE server asks with: its trust domain as the one URI.
func csr(domain string) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{Country: []string{"AT"}, Organization: []string{"SPIFFE"}, CommonName: "SPIRE"},
		URIs:    []*url.URL{{Scheme: "spiffe", Host: domain}},
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		log.Fatal(err)
	}
	return der
}
