// Keeps records of a zone with ExternalDNS' own providers: creates, reads back, updates and deletes one name, and prints what it saw.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/plan"
	"sigs.k8s.io/external-dns/provider"
	"sigs.k8s.io/external-dns/provider/pdns"
	"sigs.k8s.io/external-dns/provider/rfc2136"
	"sigs.k8s.io/external-dns/provider/webhook"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run takes the configuration as JSON in its one argument.
func run() error {
	var config externaldns.Config
	if err := json.Unmarshal([]byte(os.Args[1]), &config); err != nil {
		return err
	}
	config.WebhookProviderReadTimeout = 5 * time.Second
	config.WebhookProviderWriteTimeout = 5 * time.Second
	config.RFC2136BatchChangeSize = 50
	ctx := context.Background()
	filter := endpoint.NewDomainFilter(config.DomainFilter)
	keeper, err := open(ctx, &config, filter)
	if err != nil {
		return err
	}
	name := "kept.apps." + config.DomainFilter[0]
	before := wanted(name, "192.0.2.10")
	after := wanted(name, "192.0.2.11")
	for _, step := range []struct {
		what    string
		changes plan.Changes
	}{
		{"created", plan.Changes{Create: before}},
		{"updated", plan.Changes{UpdateOld: before[:1], UpdateNew: after[:1]}},
		{"deleted", plan.Changes{Delete: after}},
	} {
		if err := keeper.ApplyChanges(ctx, &step.changes); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		seen, err := targets(ctx, keeper, name)
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Println(step.what, seen)
	}
	return nil
}

func open(ctx context.Context, config *externaldns.Config, filter *endpoint.DomainFilter) (provider.Provider, error) {
	switch config.Provider {
	case "pdns":
		return pdns.New(ctx, config, filter)
	case "rfc2136":
		return rfc2136.New(ctx, config, filter)
	default:
		return webhook.New(ctx, config, filter)
	}
}

// wanted is an address with the registry's text beside it, as ExternalDNS makes them.
func wanted(name, address string) []*endpoint.Endpoint {
	return []*endpoint.Endpoint{
		endpoint.NewEndpointWithTTL(name, "A", 60, address),
		endpoint.NewEndpointWithTTL("a-"+name, "TXT", 60, `"heritage=external-dns,external-dns/owner=interop"`),
	}
}

func targets(ctx context.Context, keeper provider.Provider, name string) ([]string, error) {
	records, err := keeper.Records(ctx)
	if err != nil {
		return nil, err
	}
	seen := []string{}
	for _, record := range records {
		if record.DNSName == name || record.DNSName == "a-"+name {
			seen = append(seen, fmt.Sprint(record.RecordType, " ", record.RecordTTL, " ", record.Targets))
		}
	}
	slices.Sort(seen)
	return seen, nil
}
