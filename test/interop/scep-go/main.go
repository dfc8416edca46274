// Command scep-go enrols at a SCEP server with the libraries of micromdm and smallstep, renews what it got, and prints both certificates.
//
// Usage: scep-go URL NAME SECRET WRONG-SECRET
package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"log"
	"math/big"
	"os"
	"time"

	kitlog "github.com/go-kit/kit/log"
	client "github.com/micromdm/scep/v2/client"
	"github.com/smallstep/pkcs7"
	"github.com/smallstep/scep"
	"github.com/smallstep/scep/x509util"
)

func main() {
	log.SetFlags(0)
	// The library's own choice is single DES.
	pkcs7.ContentEncryptionAlgorithm = pkcs7.EncryptionAlgorithmAES256CBC
	url, name, secret, wrong := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	server, err := client.New(url, kitlog.NewNopLogger())
	must(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, capability := range []string{"AES", "SHA-256", "Renewal", "SCEPStandard"} {
		if !server.Supports(capability) {
			log.Fatalf("GetCACaps lacks %s", capability)
		}
	}
	octets, _, err := server.GetCACert(ctx, "")
	must(err)
	authorities, err := scep.CACerts(octets)
	must(err)
	if len(authorities) < 3 {
		log.Fatalf("GetCACert has %d certificates", len(authorities))
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	self := selfSigned(key, name)
	if status := ask(ctx, server, authorities, scep.PKCSReq, request(key, name, wrong), self, key).PKIStatus; status != scep.FAILURE {
		log.Fatalf("a wrong secret got %s", status)
	}
	refusedForSHA1(ctx, server, authorities, request(key, name, secret), self, key)
	first := certificate(ask(ctx, server, authorities, scep.PKCSReq, request(key, name, secret), self, key), self, key)
	next := certificate(ask(ctx, server, authorities, scep.RenewalReq, request(key, name, ""), first, key), first, key)
	if next.SerialNumber.Cmp(first.SerialNumber) == 0 {
		log.Fatal("the renewal gave the same certificate")
	}
	for _, one := range append([]*x509.Certificate{first, next}, authorities...) {
		must(pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: one.Raw}))
	}
}

// ask sends a request for the registration authority, which is the one certificate to which keys may be encrypted.
func ask(ctx context.Context, server client.Client, authorities []*x509.Certificate, kind scep.MessageType,
	csr *x509.CertificateRequest, signer *x509.Certificate, key *rsa.PrivateKey) *scep.PKIMessage {
	message := newMessage(authorities, kind, csr, signer, key)
	octets, err := server.PKIOperation(ctx, message)
	must(err)
	answer, err := scep.ParsePKIMessage(octets, scep.WithCACerts(authorities))
	must(err)
	if answer.TransactionID != transaction {
		log.Fatal("the answer is of another transaction")
	}
	return answer
}

const transaction = scep.TransactionID("scep-go")

// newMessage does what scep.NewCSRRequest does, but for the digest, which is SHA-1 there.
func newMessage(authorities []*x509.Certificate, kind scep.MessageType, csr *x509.CertificateRequest, signer *x509.Certificate,
	key *rsa.PrivateKey) []byte {
	enveloped, err := pkcs7.Encrypt(csr.Raw, scep.EnciphermentCertsSelector().SelectCerts(authorities))
	must(err)
	signed, err := pkcs7.NewSignedData(enveloped)
	must(err)
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	attribute := func(number int, value any) pkcs7.Attribute {
		return pkcs7.Attribute{Type: asn1.ObjectIdentifier{2, 16, 840, 1, 113733, 1, 9, number}, Value: value}
	}
	must(signed.AddSigner(signer, key, pkcs7.SignerInfoConfig{ExtraSignedAttributes: []pkcs7.Attribute{
		attribute(2, kind), attribute(5, make([]byte, 16)), attribute(7, transaction),
	}}))
	message, err := signed.Finish()
	must(err)
	return message
}

// refusedForSHA1 sends what the library makes by itself.
func refusedForSHA1(ctx context.Context, server client.Client, authorities []*x509.Certificate, csr *x509.CertificateRequest,
	signer *x509.Certificate, key *rsa.PrivateKey) {
	template := &scep.PKIMessage{MessageType: scep.PKCSReq, Recipients: authorities, SignerKey: key, SignerCert: signer}
	message, err := scep.NewCSRRequest(csr, template, scep.WithCertsSelector(scep.EnciphermentCertsSelector()))
	must(err)
	octets, err := server.PKIOperation(ctx, message.Raw)
	must(err)
	answer, err := scep.ParsePKIMessage(octets, scep.WithCACerts(authorities))
	must(err)
	if answer.PKIStatus != scep.FAILURE || answer.FailInfo != scep.BadAlg {
		log.Fatalf("SHA-1 got pkiStatus %s, failInfo %s", answer.PKIStatus, answer.FailInfo)
	}
}

func certificate(answer *scep.PKIMessage, signer *x509.Certificate, key *rsa.PrivateKey) *x509.Certificate {
	if answer.PKIStatus != scep.SUCCESS {
		log.Fatalf("pkiStatus %s, failInfo %s", answer.PKIStatus, answer.FailInfo)
	}
	must(answer.DecryptPKIEnvelope(signer, key))
	return answer.CertRepMessage.Certificate
}

func request(key *rsa.PrivateKey, name, secret string) *x509.CertificateRequest {
	template := x509util.CertificateRequest{
		CertificateRequest: x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}},
		ChallengePassword:  secret,
	}
	der, err := x509util.CreateCertificateRequest(rand.Reader, &template, key)
	must(err)
	csr, err := x509.ParseCertificateRequest(der)
	must(err)
	return csr
}

func selfSigned(key *rsa.PrivateKey, name string) *x509.Certificate {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Minute), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	parsed, err := x509.ParseCertificate(der)
	must(err)
	return parsed
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
