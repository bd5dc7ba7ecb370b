package arm

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// defaultPageSize is Resource Manager's own; providers vary.
const defaultPageSize = 1000

// list answers with one page of items. A page's token names the last item
// given, so that the next page does not depend on how many there were.
func (c *call) list(items []*inventory.Resource, render func(*inventory.Resource) json.RawMessage) *Error {
	size, e := c.pageSize()
	if e != nil {
		return e
	}
	start, e := c.skip(len(items), func(i int) string { return items[i].Key })
	if e != nil {
		return e
	}
	end := min(start+size, len(items))
	values := make([]json.RawMessage, 0, end-start)
	for _, r := range items[start:end] {
		values = append(values, render(r))
	}
	body := map[string]any{"value": values}
	if end < len(items) {
		body["nextLink"] = c.nextLink(items[end-1].Key)
	}
	writeJSON(c.w, http.StatusOK, body)
	return nil
}

// pageSize is the service's, or less when $top asks for less.
func (c *call) pageSize() (int, *Error) {
	top := c.r.URL.Query().Get("$top")
	if top == "" {
		return c.o.PageSize, nil
	}
	n, err := strconv.Atoi(top)
	if err != nil || n < 1 {
		return 0, fail(http.StatusBadRequest, "InvalidTopInQueryString", "The value '%.40s' for $top is invalid: it must be a positive number.", top)
	}
	return min(n, c.o.PageSize), nil
}

// skip finds where the page begins.
func (c *call) skip(n int, key func(int) string) (int, *Error) {
	token := c.r.URL.Query().Get("$skiptoken")
	if token == "" {
		token = c.r.URL.Query().Get("$skipToken")
	}
	if token == "" {
		return 0, nil
	}
	last, ok := c.openToken(token)
	if !ok {
		return 0, fail(http.StatusBadRequest, "InvalidSkipToken", "The $skiptoken provided is not valid for this request.")
	}
	return sort.Search(n, func(i int) bool { return key(i) > last }), nil
}

func (c *call) nextLink(lastKey string) string {
	q := c.r.URL.Query()
	q.Del("$skipToken")
	q.Set("$skiptoken", c.sealToken(lastKey))
	next := url.URL{Path: c.path, RawQuery: q.Encode()}
	return c.o.BaseURL + next.String()
}

// sealToken binds the token to the path, so that it works nowhere else.
func (c *call) sealToken(last string) string {
	return base64.RawURLEncoding.EncodeToString(append(c.tokenMAC(last), last...))
}

func (c *call) openToken(token string) (last string, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < sha256.Size {
		return "", false
	}
	last = string(raw[sha256.Size:])
	return last, hmac.Equal(raw[:sha256.Size], c.tokenMAC(last))
}

func (c *call) tokenMAC(last string) []byte {
	mac := hmac.New(sha256.New, c.pageKey)
	for _, part := range []string{strings.ToLower(c.path), c.r.URL.Query().Get("$filter"), last} {
		_, _ = mac.Write([]byte(part + "\x00")) // a hash never fails to write
	}
	return mac.Sum(nil)
}
