// Takes traces as OpenTelemetry's own collector reads them (its pdata module), and prints each span as a line of JSON.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintf(out, "%s\n", listener.Addr())
	out.Flush()
	http.HandleFunc("/v1/traces", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalJSON(body); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		for _, resource := range request.Traces().ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					json.NewEncoder(out).Encode(map[string]any{
						"service":    resource.Resource().Attributes().AsRaw()["service.name"],
						"name":       span.Name(),
						"kind":       span.Kind().String(),
						"trace":      span.TraceID().String(),
						"span":       span.SpanID().String(),
						"parent":     span.ParentSpanID().String(),
						"start":      span.StartTimestamp().AsTime(),
						"end":        span.EndTimestamp().AsTime(),
						"attributes": span.Attributes().AsRaw(),
						"status":     span.Status().Code().String(),
					})
				}
			}
		}
		out.Flush()
		w.Header().Set("content-type", "application/json")
		w.Write([]byte(`{"partialSuccess":{}}`))
	})
	panic(http.Serve(listener, nil))
}
