package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"
)

const (
	issuersAtOnce = 32
	orderPatience = 10 * time.Second
)

// issuer is one ACME account that gets certificates for one name.
type issuer struct {
	client *acme.Client
	name   string
}

func newIssuer(directory, name string) *issuer {
	// The bench's own CA, on the same machine.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: issuersAtOnce}
	client := &acme.Client{
		Key:          newKey(),
		HTTPClient:   &http.Client{Transport: transport},
		DirectoryURL: directory,
		UserAgent:    "namestead-bench",
	}
	return &issuer{client, name}
}

// prove registers the account and has it prove the name by dns-01, which later orders use again.
func (i *issuer) prove(ctx context.Context, u *updater) error {
	ctx, cancel := context.WithTimeout(ctx, orderPatience)
	defer cancel()
	if _, err := i.client.Register(ctx, &acme.Account{}, acme.AcceptTOS); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	_, authorization, err := i.newOrder(ctx)
	if err != nil {
		return err
	}
	for _, challenge := range authorization.Challenges {
		if challenge.Type != "dns-01" {
			continue
		}
		digest, err := i.client.DNS01ChallengeRecord(challenge.Token)
		if err != nil {
			return err
		}
		if err := u.replace(fmt.Sprintf("_acme-challenge.%s. %d IN TXT %q", i.name, ttl, digest)); err != nil {
			return err
		}
		if _, err := i.client.Accept(ctx, challenge); err != nil {
			return fmt.Errorf("challenge: %w", err)
		}
		_, err = i.client.WaitAuthorization(ctx, authorization.URI)
		return err
	}
	return errors.New("dns-01 is not offered")
}

// newOrder asks for a certificate for the name; the authorization is the order's only one.
func (i *issuer) newOrder(ctx context.Context) (*acme.Order, *acme.Authorization, error) {
	order, err := i.client.AuthorizeOrder(ctx, acme.DomainIDs(i.name))
	if err != nil {
		return nil, nil, fmt.Errorf("order: %w", err)
	}
	authorization, err := i.client.GetAuthorization(ctx, order.AuthzURLs[0])
	if err != nil {
		return nil, nil, fmt.Errorf("authorization: %w", err)
	}
	return order, authorization, nil
}

// order gets one certificate for a new key: newOrder, the authorization (which is valid), finalize, and the chain.
func (i *issuer) order() error {
	ctx, cancel := context.WithTimeout(context.Background(), orderPatience)
	defer cancel()
	order, authorization, err := i.newOrder(ctx)
	if err != nil {
		return err
	}
	if authorization.Status != acme.StatusValid {
		return fmt.Errorf("the authorization is %s", authorization.Status)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{i.name}}, newKey())
	if err != nil {
		return err
	}
	chain, _, err := i.client.CreateOrderCert(ctx, order.FinalizeURL, csr, true)
	if err != nil {
		return fmt.Errorf("finalize: %w", err)
	}
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return err
	}
	return leaf.VerifyHostname(i.name)
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}
