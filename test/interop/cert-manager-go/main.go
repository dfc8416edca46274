// Command cert-manager-go runs what cert-manager does against a running daemon, with cert-manager's own packages: its RFC 2136 solver, its
// ACME client and its Vault issuer. The module's path lies within cert-manager's, for the Vault client is internal to it.
//
// Usage: cert-manager-go HTTPS-URL ROOT.pem DNS-ADDRESS TSIG-SECRET SECRET-ID
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"net/http"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/cert-manager/cert-manager/internal/vault"
	acmeclient "github.com/cert-manager/cert-manager/pkg/acme/client"
	v1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmeta "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	"github.com/cert-manager/cert-manager/pkg/issuer/acme/dns/rfc2136"
	"github.com/cert-manager/cert-manager/third_party/forked/acme"
)

const name = "www.apps.internal.example.com"
const zone = "internal.example.com."

func main() {
	log.SetFlags(0)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	url, rootFile, server, tsig, secretID := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	root, err := os.ReadFile(rootFile)
	must("the root", err)
	byACME(ctx, url, root, server, tsig)
	byVault(ctx, url, root, secretID)
}

// byACME does what the controllers for orders and challenges do.
func byACME(ctx context.Context, url string, root []byte, server, tsig string) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(root)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	var client acmeclient.Interface = &acme.Client{
		Key: newKey(), HTTPClient: &http.Client{Transport: transport}, DirectoryURL: url + "/acme/directory", UserAgent: "cert-manager",
	}
	_, err := client.Register(ctx, &acme.Account{Contact: []string{"mailto:ops@example.com"}}, acme.AcceptTOS)
	must("register", err)
	solver, err := rfc2136.NewDNSProviderCredentials(server, "HMACSHA256", "certmanager.", tsig)
	must("the solver", err)
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(name))
	must("order", err)
	for _, authz := range order.AuthzURLs {
		prove(ctx, client, solver, authz)
	}
	_, err = client.WaitOrder(ctx, order.URI)
	must("wait for the order", err)
	chain, certURL, err := client.CreateOrderCert(ctx, order.FinalizeURL, csr(), true)
	must("finalize", err)
	_, err = client.ListCertAlternates(ctx, certURL)
	must("alternates", err)
	leaf, err := x509.ParseCertificate(chain[0])
	must("the certificate", err)
	info, err := client.GetRenewalInfo(ctx, leaf)
	must("renewal information", err)
	if !info.SuggestedWindow.Start.Before(leaf.NotAfter) {
		log.Fatal("the renewal window begins after the end")
	}
	for _, der := range chain {
		print(der)
	}
}

func prove(ctx context.Context, client acmeclient.Interface, solver *rfc2136.DNSProvider, url string) {
	authz, err := client.GetAuthorization(ctx, url)
	must("authorization", err)
	for _, challenge := range authz.Challenges {
		if challenge.Type != "dns-01" {
			continue
		}
		value, err := client.DNS01ChallengeRecord(challenge.Token)
		must("the record", err)
		must("present", solver.Present("", "_acme-challenge."+name+".", zone, value))
		_, err = client.Accept(ctx, challenge)
		must("accept", err)
		_, err = client.WaitAuthorization(ctx, url)
		must("wait for the authorization", err)
		must("clean up", solver.CleanUp("", "_acme-challenge."+name+".", zone, value))
	}
}

// byVault does what the Vault issuer does: health, login by AppRole, sign.
func byVault(ctx context.Context, url string, root []byte, secretID string) {
	auth := v1.VaultAuth{AppRole: &v1.VaultAppRole{
		Path: "approle", RoleId: "certmanager", SecretRef: cmmeta.SecretKeySelector{LocalObjectReference: cmmeta.LocalObjectReference{Name: "vault"}, Key: "secret"},
	}}
	issuer := &v1.Issuer{
		ObjectMeta: metav1.ObjectMeta{Name: "vault", Namespace: "default"},
		Spec:       v1.IssuerSpec{IssuerConfig: v1.IssuerConfig{Vault: &v1.VaultIssuer{Server: url, Path: "pki/sign/web", CABundle: root, Auth: auth}}},
	}
	create := func(string) vault.CreateToken { return nil }
	client, err := vault.New(ctx, "default", create, secrets{"secret": []byte(secretID)}, issuer, false)
	must("login", err)
	must("health", client.IsVaultInitializedAndUnsealed())
	request := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: csr()})
	certificate, ca, err := client.Sign(request, time.Hour)
	must("sign", err)
	os.Stdout.Write(certificate)
	block, _ := pem.Decode(ca)
	if block == nil {
		log.Fatal("the Vault issuer got no CA")
	}
	wrong := secrets{"secret": []byte("wrong")}
	if _, err := vault.New(ctx, "default", create, wrong, issuer, false); err == nil {
		log.Fatal("a wrong SecretID logged in")
	}
}

// secrets lists one Secret with these data, in every namespace and under every name.
type secrets map[string][]byte

func (s secrets) Secrets(string) corelisters.SecretNamespaceLister { return s }

func (s secrets) List(labels.Selector) ([]*corev1.Secret, error) { return nil, nil }

func (s secrets) Get(string) (*corev1.Secret, error) { return &corev1.Secret{Data: s}, nil }

func csr() []byte {
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, newKey())
	must("the CSR", err)
	return der
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must("a key", err)
	return key
}

func print(der []byte) {
	must("print", pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func must(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}
