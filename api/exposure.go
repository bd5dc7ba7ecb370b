package api

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/workspace"
)

func (a *API) exposureRoutes() {
	handle(a, "get-exposure", a.getExposure)
	handle(a, "get-picture", a.getPicture)
	handle(a, "check-flow", a.checkFlow)
}

func (a *API) getExposure(ctx context.Context, in *OneResource) (*body[workspace.Exposed], error) {
	id, err := azward.ParseResourceID(in.ID)
	if err != nil {
		return nil, err
	}
	return answer(a.Workspace.Exposure(ctx, id))
}

// picture is an SVG. It holds names of somebody else's resources, escaped; a
// browser that opens it runs nothing of it.
type picture struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

func (a *API) getPicture(ctx context.Context, in *OneResource) (*picture, error) {
	id, err := azward.ParseResourceID(in.ID)
	if err != nil {
		return nil, err
	}
	svg, err := a.Workspace.Picture(ctx, id)
	if err != nil {
		return nil, err
	}
	return &picture{"image/svg+xml", "default-src 'none'; style-src 'unsafe-inline'; sandbox", svg}, nil
}

func (a *API) checkFlow(ctx context.Context, in *struct {
	From        string `query:"from" required:"true" maxLength:"4096" doc:"An address or prefix, internet, an ARM ID, or pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME, service/NAMESPACE/NAME."`
	To          string `query:"to" required:"true" maxLength:"4096" doc:"As from."`
	Protocol    string `query:"protocol" default:"tcp" enum:"tcp,udp,icmp,esp,ah,sctp"`
	Port        int    `query:"port" minimum:"0" maximum:"65535" doc:"Destination port."`
	SourcePort  int    `query:"sourcePort" minimum:"0" maximum:"65535" doc:"0 is any."`
	FiltersOnly string `query:"filtersOnly" enum:"inbound,outbound" doc:"The packet filters at one end alone, as IP flow verify answers."`
	Via         string `query:"via" maxLength:"4096" doc:"ARM ID of an Azure Firewall, to ask its rules alone."`
	Cluster     string `query:"cluster" maxLength:"4096" doc:"Cluster that pods belong to: an ARM ID or a name; none is the only one."`
	Connection  string `query:"connection" maxLength:"4096" doc:"Whose estate is asked; needed where there are several and neither end says."`
},
) (*body[exposure.Result], error) {
	return answer(a.Workspace.Check(ctx, in.Connection, exposure.Question{
		From: in.From, To: in.To, Protocol: in.Protocol, Port: in.Port, SourcePort: in.SourcePort,
		FiltersOnly: in.FiltersOnly, Via: in.Via, Cluster: in.Cluster,
	}))
}
