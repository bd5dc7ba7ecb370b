package hardening

import "github.com/azward/azward"

// Profile and Version name the controls below: another version may answer
// otherwise.
const (
	Profile = "azward-image"
	Version = "1"
)

// Control is one thing that a hardened image does.
type Control struct {
	ID       string          `json:"id"`
	Title    string          `json:"title"` // as it is when met: "runs as a user of its own"
	Severity azward.Severity `json:"severity,omitempty"`
	// Informational controls fail nothing: they say what is there.
	Informational bool        `json:"informational,omitempty"`
	Why           string      `json:"why"`
	Fix           string      `json:"fix"` // a line of a Dockerfile where there is one
	References    []Reference `json:"references"`

	judge func(*Subject) judgement
}

// Reference is where a control comes from.
type Reference struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

// CIS's benchmark is free behind a form; the numbers are those of version 1.6.
func cis(number string) Reference {
	return Reference{"CIS Docker Benchmark 1.6.0, " + number, "https://www.cisecurity.org/benchmark/docker"}
}

// nist is a section of the countermeasures for image risks.
func nist(section string) Reference {
	return Reference{"NIST SP 800-190, " + section, "https://doi.org/10.6028/NIST.SP.800-190"}
}

// microsoft is a control of the cloud security benchmark, with its page.
func microsoft(control, page string) Reference {
	return Reference{"Microsoft cloud security benchmark, " + control, "https://learn.microsoft.com/security/benchmark/azure/mcsb-" + page}
}

const (
	posture  = "posture-vulnerability-management"
	devops   = "devops-security"
	identity = "identity-management"
)

// The severities of controls, by the name that shows.
const (
	low    azward.Severity = "low"
	medium azward.Severity = "medium"
	high   azward.Severity = "high"
)

// Controls is the profile.
func Controls() []Control {
	return append(configurationControls(), append(contentControls(), supplyControls()...)...)
}

func configurationControls() []Control {
	return []Control{
		{
			ID: "secret-in-configuration", Title: "no secret in environment, labels, command or build steps", Severity: high, judge: secretsInConfiguration,
			Why:        "whoever can pull the image reads its configuration and history",
			Fix:        "RUN --mount=type=secret,id=NAME … while building; a Key Vault reference or a managed identity while running; revoke what is there",
			References: []Reference{cis("4.10"), nist("4.1.4"), microsoft("IM-8", identity)},
		},
		{
			ID: "secret-in-file", Title: "no secret in files of any layer", Severity: high, judge: secretsInFiles,
			Why:        "a layer is pulled whole: a file that a later layer deletes is still in it",
			Fix:        "add the file to .dockerignore, build again, and revoke what is there; RUN --mount=type=secret for builds",
			References: []Reference{cis("4.10"), nist("4.1.4"), microsoft("IM-8", identity)},
		},
		{
			ID: "root-user", Title: "runs as a user of its own, not as root", Severity: medium, judge: rootUser,
			Why:        "who takes over a process that is root in its container needs one more fault to be root on the node",
			Fix:        "USER 10001",
			References: []Reference{cis("4.1"), nist("4.1.2"), microsoft("PV-3", posture)},
		},
		{
			ID: "remote-login-port", Title: "exposes no port for remote login", Severity: medium, judge: loginPorts,
			Why:        "containers are administered through the orchestrator; a login inside goes round its audit",
			Fix:        "remove EXPOSE 22 and the server behind it; use kubectl exec",
			References: []Reference{nist("4.1.2")},
		},
		{
			ID: "healthcheck", Title: "has a HEALTHCHECK", Informational: true, judge: healthcheck,
			Why:        "Docker restarts by it; Kubernetes and Container Apps ignore it and use probes of their own",
			Fix:        "HEALTHCHECK CMD …, or a livenessProbe where it runs",
			References: []Reference{cis("4.6")},
		},
		{
			ID: "remote-add", Title: "adds nothing from a URL", Severity: low, judge: remoteAdd,
			Why:        "ADD of a URL takes what the server gives that day, unless a checksum is named",
			Fix:        "ADD --checksum=sha256:… URL, or COPY of a file that was checked",
			References: []Reference{cis("4.9"), microsoft("DS-2", devops)},
		},
		{
			ID: "update-alone", Title: "updates package lists only together with an installation", Severity: low, judge: updateAlone,
			Why:        "the builder keeps the step: later installations come from lists that are old",
			Fix:        "RUN apt-get update && apt-get install -y --no-install-recommends PACKAGE && rm -rf /var/lib/apt/lists/*",
			References: []Reference{cis("4.7")},
		},
	}
}

func contentControls() []Control {
	return []Control{
		{
			ID: "setuid-files", Title: "has no setuid or setgid files", Severity: low, judge: setuidFiles,
			Why:        "they run with rights that their caller lacks; allowPrivilegeEscalation: false stops them where it is set",
			Fix:        "RUN find / -xdev -perm /6000 -type f -exec chmod a-s {} +",
			References: []Reference{cis("4.8"), nist("4.1.2"), microsoft("PV-3", posture)},
		},
		{
			ID: "writable-path", Title: "no directory of PATH can be written by everybody", Severity: medium, judge: writablePath,
			Why:        "any process can put a program in another's place",
			Fix:        "RUN chmod o-w DIRECTORY",
			References: []Reference{nist("4.1.2"), microsoft("PV-3", posture)},
		},
		{
			ID: "sudo", Title: "has no sudo", Severity: low, judge: marked(Sudo, "gives rights of root"),
			Why:        "a container that runs as a user of its own should have no way back",
			Fix:        "do not install sudo; use USER and COPY --chown",
			References: []Reference{cis("4.3"), nist("4.1.2")},
		},
		{
			ID: "remote-login", Title: "has no server for remote login", Severity: medium, judge: marked(Server, "lets people log in from outside"),
			Why:        "containers are administered through the orchestrator; keys and passwords in images cannot be changed everywhere",
			Fix:        "do not install openssh-server",
			References: []Reference{cis("4.3"), nist("4.1.2")},
		},
		{
			ID: "host-key", Title: "has no SSH host key", Severity: medium, judge: marked(HostKey, "is the same in every container of the image"),
			Why:        "whoever can pull the image can pose as the server",
			Fix:        "RUN rm -f /etc/ssh/ssh_host_*_key in the step that installs the server; make keys at the start",
			References: []Reference{nist("4.1.4")},
		},
		{
			ID: "package-caches", Title: "package managers left no cache behind", Severity: low, judge: caches,
			Why:        "it makes every pull longer and holds software that nobody uses",
			Fix:        "RUN --mount=type=cache,target=/var/cache/apt …; pip install --no-cache-dir; npm ci && npm cache clean --force in the same step",
			References: []Reference{cis("4.3")},
		},
		{
			ID: "package-manager", Title: "has no package manager", Informational: true, judge: marked(Manager, "installs software"),
			Why:        "whoever gets in can install tools; without one the image is smaller, too",
			Fix:        "build in one stage, and COPY --from it into a distroless base",
			References: []Reference{cis("4.3"), nist("4.1.2")},
		},
		{
			ID: "shell", Title: "has no shell", Informational: true, judge: marked(Shell, "runs commands"),
			Why:        "most attacks on a process go on in a shell",
			Fix:        "build in one stage, and COPY --from it into a distroless base",
			References: []Reference{cis("4.3")},
		},
	}
}

func supplyControls() []Control {
	return []Control{
		{
			ID: "base-end-of-life", Title: "its distribution still gets security fixes", Severity: high, judge: endOfLife,
			Why:        "vulnerabilities that are found from now on stay",
			Fix:        "FROM a release that is supported",
			References: []Reference{cis("4.4"), nist("4.1.1"), microsoft("PV-6", posture)},
		},
		{
			ID: "base-floating", Title: "is built on a version, not on what is latest", Severity: low, judge: floatingBase,
			Why:        "two builds of the same Dockerfile give two images, and nobody knows which base was reviewed",
			Fix:        "FROM NAME:VERSION@sha256:…",
			References: []Reference{cis("4.2"), nist("4.1.5"), microsoft("DS-2", devops)},
		},
		{
			ID: "age", Title: "was built within the last 90 days", Severity: low, judge: age,
			Why:        "fixes of the base and of packages come in with a build",
			Fix:        "build again with --pull --no-cache, on a schedule",
			References: []Reference{cis("4.4"), nist("4.1.1"), microsoft("PV-6", posture)},
		},
		{
			ID: "signature", Title: "a signature is attached", Severity: low, judge: attached("signature", "no signature"),
			Why:        "a cluster can refuse what the team did not sign. What is attached is not verified here",
			Fix:        "notation sign or cosign sign after the push",
			References: []Reference{cis("4.5"), nist("4.1.5"), microsoft("DS-2", devops)},
		},
		{
			ID: "sbom", Title: "an SBOM is attached", Informational: true, judge: attached("sbom", "no SBOM"),
			Why:        "what was built in and then compiled away is known to the build alone",
			Fix:        "docker buildx build --attest type=sbom, or azward sbom and oras attach",
			References: []Reference{microsoft("DS-2", devops)},
		},
	}
}
