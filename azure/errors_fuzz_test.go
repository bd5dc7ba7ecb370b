package azure

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/azward/azward"
)

// FuzzErrorBody: whatever stands in an error's body, the user gets one line
// with a cause and a remedy, of bounded length.
func FuzzErrorBody(f *testing.F) {
	f.Add(403, []byte(`{"error":{"code":"AuthorizationFailed","message":"The client 'a' with object id 'b' does not have authorization to perform action 'c/read' over scope '/subscriptions/s' or the scope is invalid."}}`))
	f.Add(401, []byte(`{"error":{"code":"ExpiredAuthenticationToken","message":"m"}}`))
	f.Add(429, []byte(`{"error":{"code":"TooManyRequests"}}`))
	f.Add(500, []byte("<html>"))
	f.Add(404, []byte(`{"error":"x"}`))
	f.Add(400, []byte(`{"code":"x","message":"`+strings.Repeat("y", 5000)+`"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 300 || status > 599 {
			t.Skip()
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		response := &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: request}
		err = explain("read", "/x", runtime.NewResponseError(response))
		var e *azward.Error
		if !errors.As(err, &e) {
			t.Fatalf("no azward.Error: %v", err)
		}
		if e.Cause == "" || e.Remedy == "" {
			t.Errorf("cause %q, remedy %q", e.Cause, e.Remedy)
		}
		if strings.ContainsAny(e.Error(), "\n\r") || utf8.RuneCountInString(e.Error()) > 3000 {
			t.Errorf("not one line: %q", e.Error())
		}
	})
}
