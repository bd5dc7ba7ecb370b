package azuresim

import (
	"context"
	"errors"
	"net/http"

	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
)

type cluster struct{}

func (s *Server) startClusters(context.Context, string) error { return nil }

func (s *Server) registryHandler() (http.Handler, error) { return http.NotFoundHandler(), nil }

func (s *Server) graphHandler() http.Handler { return http.NotFoundHandler() }

func (s *Server) resourceGraph() func(http.ResponseWriter, *http.Request, *entra.Token) { return nil }

func (s *Server) kubeconfig(*inventory.Resource, bool, *entra.Token) ([]byte, error) {
	return nil, errors.New("not mounted")
}
