package arm

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Error is an ARM error answer.
//
// Source: https://github.com/cloud-and-ai-microsoft/resource-provider-contract/blob/master/v1.0/common-api-details.md#error-response-content
type Error struct {
	Status  int
	Code    string
	Message string
	Details []Detail
}

// Detail is one element of an error's details.
type Detail map[string]any

func fail(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) write(w http.ResponseWriter) { e.Write(w) }

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter) {
	w.Header().Set("x-ms-failure-cause", "gateway")
	body := map[string]any{"code": e.Code, "message": e.Message}
	if len(e.Details) > 0 {
		body["details"] = e.Details
	}
	writeJSON(w, e.Status, map[string]any{"error": body})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "the simulator could not write its answer", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", itoa(len(raw)))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client is gone if this fails; there is nobody to tell
}

func itoa(n int) string { return strconv.Itoa(n) }
