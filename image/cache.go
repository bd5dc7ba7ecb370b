package image

import (
	"context"
	"sync"

	"github.com/azward/azward"
)

// Cache keeps results of layers. A key is good for ever: it holds the
// layer's digest and the extractors' version. Layer says false when it has
// nothing under the key. Both are called concurrently.
type Cache interface {
	Layer(ctx context.Context, key string) (*LayerResult, bool, error)
	SaveLayer(ctx context.Context, key string, result *LayerResult) error
}

// digestKey and diffKey are the two names a result is kept under: by the bytes
// as stored, and by what they unpack to, so that a layer compressed anew is known.
func digestKey(d azward.Digest) string { return "layer/" + ExtractorsVersion + "/" + string(d) }
func diffKey(d azward.Digest) string   { return "diff/" + ExtractorsVersion + "/" + string(d) }

// MemoryCache keeps results as long as the process runs. The zero value is empty.
type MemoryCache struct {
	mu      sync.RWMutex
	results map[string]*LayerResult
}

// Layer implements [Cache].
func (c *MemoryCache) Layer(_ context.Context, key string) (*LayerResult, bool, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	r, ok := c.results[key]
	return r, ok, nil
}

// SaveLayer implements [Cache].
func (c *MemoryCache) SaveLayer(_ context.Context, key string, result *LayerResult) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.results == nil {
		c.results = map[string]*LayerResult{}
	}
	c.results[key] = result
	return nil
}
