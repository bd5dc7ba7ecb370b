package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/azward/azward/access"
)

// route is one row of the table.
type route struct {
	method, path string
	role         access.Role // the least that may
	status       int         // of success; 0 is 200
	tag          string
	summary      string
	description  string
	tagged       bool // answers with an ETag, and 304 to If-None-Match
}

const (
	tagConnections = "Connections"
	tagScans       = "Scans"
	tagJobs        = "Jobs"
	tagSchedules   = "Schedules"
	tagResources   = "Resources"
	tagRegistries  = "Registries"
	tagVerdicts    = "Verdicts"
	tagExposure    = "Exposure"
	tagPosture     = "Posture"
	tagCoverage    = "Coverage"
	tagAccess      = "Access"
	tagSettings    = "Settings"
)

func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: tagConnections, Description: "Tenants that azward reads."},
		{Name: tagScans, Description: "Runs from reading to verdicts."},
		{Name: tagJobs, Description: "Work under way, and what became of it."},
		{Name: tagSchedules, Description: "Jobs that start by themselves."},
		{Name: tagResources, Description: "What the newest scan of each connection found."},
		{Name: tagRegistries, Description: "Container registries with their images and findings."},
		{Name: tagVerdicts, Description: "Whether one vulnerability is exploitable in one workload, with the proof."},
		{Name: tagExposure, Description: "Who can reach what, and which rule decides."},
		{Name: tagPosture, Description: "What rules say of the newest estates, resource by resource."},
		{Name: tagCoverage, Description: "What was read, what was not, and how old it is."},
		{Name: tagAccess, Description: "Users, tokens and the audit log."},
		{Name: tagSettings, Description: "How the hub works."},
	}
}

// routes is the table of all routes by operation ID: what each is, and the
// least role that it asks for.
func routes() map[string]route {
	const (
		get, post, put, remove   = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
		created, accepted        = http.StatusCreated, http.StatusAccepted
		viewer, operator, admin  = access.Viewer, access.Operator, access.Admin
		connection, registryHost = "/connections/{name}", "/registries/{host}"
	)
	return map[string]route{
		"list-connections":   {get, "/connections", viewer, 0, tagConnections, "List connections", "", false},
		"create-connection":  {post, "/connections", operator, created, tagConnections, "Add a connection", "Nothing is asked of Azure: test it afterwards. Members that name files of the server need the role admin.", false},
		"get-connection":     {get, connection, viewer, 0, tagConnections, "Show a connection", "Its secret is never shown.", true},
		"update-connection":  {put, connection, operator, 0, tagConnections, "Update a connection", "Without secret the one that is there stays, where application and way to sign in stay the same.", false},
		"delete-connection":  {remove, connection, admin, 0, tagConnections, "Disconnect", "Answers what stopped and what stays.", false},
		"preview-removal":    {get, connection + "/removal", viewer, 0, tagConnections, "Look ahead at a disconnection", "What stops and what stays; nothing is changed.", false},
		"test-connection":    {post, connection + "/test", operator, 0, tagConnections, "Test the sign-in of a connection", "", false},
		"examine-connection": {post, connection + "/doctor", operator, 0, tagConnections, "Examine a connection", "Every check with the command that mends what does not work.", false},

		"list-scans": {get, "/scans", viewer, 0, tagScans, "List scans", "The newest first.", false},
		"start-scan": {post, "/scans", operator, accepted, tagScans, "Start a scan", "Answers the job to follow; the one that is under way where there is one.", false},
		"get-scan":   {get, "/scans/{id}", viewer, 0, tagScans, "Show a scan", "", false},

		"list-jobs":  {get, "/jobs", viewer, 0, tagJobs, "List jobs", "The newest first.", false},
		"get-job":    {get, "/jobs/{id}", viewer, 0, tagJobs, "Show a job", "", false},
		"follow-job": {get, "/jobs/{id}/events", viewer, 0, tagJobs, "Follow a job", "Server-sent events: one `progress` for each change, and `end` with the final state.", false},
		"get-log":    {get, "/jobs/{id}/log", viewer, 0, tagJobs, "Read a job's log", "", false},
		"cancel-job": {post, "/jobs/{id}/cancel", operator, 0, tagJobs, "Cancel a job", "", false},

		"list-schedules":  {get, "/schedules", viewer, 0, tagSchedules, "List schedules", "", false},
		"create-schedule": {post, "/schedules", operator, created, tagSchedules, "Add a schedule", "A cron text that is wrong is refused with the place of the mistake. Registries that were never read, and that no connection's cloud has, are for administrators.", false},
		"get-schedule":    {get, "/schedules/{name}", viewer, 0, tagSchedules, "Show a schedule", "", false},
		"update-schedule": {put, "/schedules/{name}", operator, 0, tagSchedules, "Change a schedule", "Those of azward.yaml and of the hub itself cannot be changed.", false},
		"delete-schedule": {remove, "/schedules/{name}", operator, http.StatusNoContent, tagSchedules, "Remove a schedule", "Its jobs stay. Those of azward.yaml and of the hub itself cannot be removed.", false},
		"run-schedule":    {post, "/schedules/{name}/run", operator, accepted, tagSchedules, "Run a schedule now", "When it runs next stays. Answers the job to follow.", false},

		"get-retention":   {get, "/settings/retention", viewer, 0, tagSettings, "Show what is kept, and for how long", "", true},
		"set-retention":   {put, "/settings/retention", admin, 0, tagSettings, "Change what is kept, and for how long", "Nothing goes before the next housekeeping. With dryRun nothing is changed, and the answer says what would go.", false},
		"apply-retention": {post, "/settings/retention/apply", admin, accepted, tagSettings, "Let go of what is not kept", "Housekeeping does so daily. Answers the job to follow.", false},

		"search-resources": {get, "/resources", viewer, 0, tagResources, "Search resources", "By ID, without case.", false},
		"count-resources":  {get, "/resources/types", viewer, 0, tagResources, "Count resources by type", "By connection and subscription.", false},
		"get-resource":     {get, "/resource", viewer, 0, tagResources, "Show a resource", "With its document as Azure returned it, and what is not known of it.", true},
		"get-history":      {get, "/resource/history", viewer, 0, tagResources, "Show a resource over time", "As far as the estates of earlier scans are kept.", false},
		"get-neighbours":   {get, "/resource/neighbours", viewer, 0, tagResources, "Show what stands beside a resource", "", false},

		"list-registries":   {get, "/registries", viewer, 0, tagRegistries, "List registries", "Those that were ever read.", false},
		"get-registry":      {get, registryHost, viewer, 0, tagRegistries, "Show a registry", "", false},
		"list-repositories": {get, registryHost + "/repositories", viewer, 0, tagRegistries, "List repositories", "", false},
		"list-tags":         {get, registryHost + "/tags", viewer, 0, tagRegistries, "List tags over time", "Where each points and pointed.", false},
		"get-timeline":      {get, registryHost + "/timeline", viewer, 0, tagRegistries, "Show a repository over time", "What each version fixed, brought and brought back.", false},
		"list-images":       {get, registryHost + "/images", viewer, 0, tagRegistries, "List images", "By digest.", false},
		"get-image":         {get, registryHost + "/image", viewer, 0, tagRegistries, "Show an image", "Layers, findings, what to change, and where it runs.", false},
		"scan-registry":     {post, registryHost + "/scan", operator, accepted, tagRegistries, "Read a registry", "Answers the job to follow; the one that is under way where there is one. A registry that was never read, and that no connection's cloud has, is for administrators.", false},
		"scan-image":        {post, "/images/scan", operator, accepted, tagRegistries, "Read an image", "Its layers are read anew, and it stands in its registry's list afterwards. Answers the job to follow.", false},
		"list-findings":     {get, "/findings", viewer, 0, tagRegistries, "List findings", "Vulnerabilities of packages in images, the known exploited and most severe first.", false},

		"get-overview":        {get, "/overview", viewer, 0, tagVerdicts, "Show the overview", "The funnel from all findings to the exploitable, and what is urgent.", false},
		"list-verdicts":       {get, "/verdicts", viewer, 0, tagVerdicts, "List verdicts", "The most urgent first.", false},
		"count-verdicts":      {get, "/verdicts/counts", viewer, 0, tagVerdicts, "Count verdicts by result", "", false},
		"get-verdict":         {get, "/verdicts/{id}", viewer, 0, tagVerdicts, "Show a verdict", "", false},
		"get-proof":           {get, "/verdicts/{id}/proof", viewer, 0, tagVerdicts, "Download the proof of a verdict", "`azward verify` replays it offline.", false},
		"explain-verdict":     {get, "/verdicts/{id}/explanation", viewer, 0, tagVerdicts, "Explain a verdict", "What blocks it, what would change it, what is missing, and where else the vulnerability is.", false},
		"get-verdict-history": {get, "/verdicts/{id}/history", viewer, 0, tagVerdicts, "Show a verdict over the scans", "What it was and why, since when and until when, the newest first: 50 spans a connection at most. Also of one that the last scan does not have any more.", false},
		"dismiss-verdicts":    {post, "/verdicts/dismiss", operator, 0, tagVerdicts, "Dismiss verdicts", "Each reopens by itself on its day, or when it rests on something else.", false},
		"dismiss-verdict":     {post, "/verdicts/{id}/dismiss", operator, 0, tagVerdicts, "Dismiss a verdict", "It reopens by itself on its day, or when it rests on something else.", false},
		"reopen-verdict":      {post, "/verdicts/{id}/reopen", operator, 0, tagVerdicts, "Reopen a verdict", "", false},
		"list-views":          {get, "/verdicts/views", viewer, 0, tagVerdicts, "List saved filters", "One's own, and those that others share.", false},
		"save-view":           {put, "/verdicts/views/{name}", viewer, 0, tagVerdicts, "Save a filter", "In place of one's earlier one of that name. Sharing it with everybody is for operators.", false},
		"remove-view":         {remove, "/verdicts/views/{name}", viewer, http.StatusNoContent, tagVerdicts, "Remove a saved filter", "One's own; a shared one of somebody else for administrators.", false},

		"get-exposure": {get, "/exposure", viewer, 0, tagExposure, "Show who reaches a workload or service", "Its path, the ladder of source classes, and the settings that would close or open it.", false},
		"get-picture":  {get, "/exposure/picture", viewer, 0, tagExposure, "Draw the path to a workload or service", "", false},
		"check-flow":   {get, "/exposure/check", viewer, 0, tagExposure, "Check one flow", "May it pass, and which rule decides.", false},

		"get-posture":          {get, "/posture", viewer, 0, tagPosture, "Show the posture", "Counts, frameworks, trend, and what is misconfigured and exposed. The first answer after a scan waits for the evaluation.", false},
		"get-framework":        {get, "/posture/framework", viewer, 0, tagPosture, "Show a framework", "Item by item, with why no rule decides one.", false},
		"list-rules":           {get, "/posture/rules", viewer, 0, tagPosture, "List rules", "What fails most urgently first; counts are of all results of a rule that the filters select.", false},
		"get-rule":             {get, "/posture/rules/{id}", viewer, 0, tagPosture, "Show a rule", "With rationale, remedy and what it reads.", false},
		"list-posture-results": {get, "/posture/results", viewer, 0, tagPosture, "List results of rules", "By severity, then by who reaches the resource, then by what follows from a take-over.", false},
		"get-posture-result":   {get, "/posture/result", viewer, 0, tagPosture, "Show a result", "With the properties that decided, and the evidence.", false},

		"get-coverage":   {get, "/coverage", viewer, 0, tagCoverage, "Show coverage", "", false},
		"list-gaps":      {get, "/gaps", viewer, 0, tagCoverage, "List gaps", "What could not be read with the command that gives it, what settles most first.", false},
		"get-advisories": {get, "/advisories", viewer, 0, tagCoverage, "Show the state of the advisories", "", false},

		"list-audit":    {get, "/audit", admin, 0, tagAccess, "Read the audit log", "The newest first.", false},
		"list-tokens":   {get, "/tokens", viewer, 0, tagAccess, "List tokens", "One's own; those of all for administrators who ask for them.", false},
		"create-token":  {post, "/tokens", viewer, created, tagAccess, "Make a token", "With one's own role at most. The secret is shown in this answer alone.", false},
		"revoke-token":  {remove, "/tokens/{id}", viewer, http.StatusNoContent, tagAccess, "Revoke a token", "One's own; any for administrators. It ends at once.", false},
		"get-self":      {get, "/me", viewer, 0, tagAccess, "Show who asks", "", false},
		"list-users":    {get, "/users", admin, 0, tagAccess, "List users", "", false},
		"create-user":   {post, "/users", admin, created, tagAccess, "Add a local user", "The link, at which they set a password, is shown in this answer alone.", false},
		"get-user":      {get, "/users/{id}", admin, 0, tagAccess, "Show a user", "", true},
		"update-user":   {put, "/users/{id}", admin, 0, tagAccess, "Change role or state of a user", "", false},
		"disable-user":  {remove, "/users/{id}", admin, 0, tagAccess, "Disable a user", "Users stay for the audit log; a disabled one cannot sign in, and their tokens answer nothing.", false},
		"invite-user":   {post, "/users/{id}/link", admin, created, tagAccess, "Make a new link for a user", "At which they set a new password; shown in this answer alone.", false},
		"sign-out-user": {post, "/users/{id}/sign-out", admin, 0, tagAccess, "Sign a user out everywhere", "", false},
	}
}
