// Package collect reads a tenant into an estate. [Collect] is the one call;
// services.go names every service that is read, one file each.
//
// # Which interface is asked
//
// What an answer about exposure rests on (machines, networks, filters, entry
// points, clusters, sites: the kinds marked decisive) is listed from Azure
// Resource Manager itself, one list for each type and subscription. That costs
// some forty requests a subscription, well below the burst of 250 that Azure
// grants there, and gives what a verdict needs: bodies with every property,
// without the minutes that Resource Graph lags behind, and a listing that
// proves an absence. Everything else that the tenant holds, of whatever type,
// comes from Resource Graph, a thousand rows a request over all subscriptions
// at once; of the types that azward knows it gives a listing, marked as taken
// from Resource Graph. What neither list holds (an
// App Service's access restrictions, a SQL server's firewall rules, a scale
// set's instances) is read from the parent, one request each.
//
// What rules are about (databases, storage, key vaults, logging: the kinds
// marked whole) is in between: Resource Graph shows where there are some, and
// only there Resource Manager is listed, because a property that a rule finds
// missing must be one that is not set. Settings below a resource, diagnostic
// settings among them, are asked of resources that exist. What Defender for
// Cloud and Azure Policy found comes from Resource Graph alone, and is bounded.
//
// Where Resource Graph does not answer, Resource Manager is listed instead.
//
// # The directory
//
// Microsoft Graph is read by collection (directorylist.go), each with the
// least permission. No permission at all is one gap and no request; otherwise
// each collection is a listing of the tenant or a gap that names its permission
// and whether an application or a delegated one counts. Of people and
// credentials only what rules need is kept.
//
// # What a listing says
//
// Azure cuts lists to what the principal may see, without saying so. A listing
// is therefore complete only when the principal's permissions at the
// subscription hold the type's read action and no deny assignment takes it
// away; otherwise it is partial, and a gap names the action and the command
// that grants it.
package collect
