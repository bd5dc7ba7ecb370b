package image

import "time"

// Bounds on what an image may ask of us. Sizes are bytes.
const (
	// maxManifest is what the OCI distribution specification asks registries to accept.
	maxManifest = 4 << 20
	// maxConfig: configurations hold the build history; the largest seen are about 200 KB.
	maxConfig = 8 << 20
	// maxIndexDepth: an index that names an index happens, an index that names itself is an attack.
	maxIndexDepth = 3
	// maxLayers: Docker stops at 127.
	maxLayers = 1024
	// DefaultMaxLayerBytes bounds one compressed layer; machine-learning images reach 10 GB.
	DefaultMaxLayerBytes = 16 << 30

	// A layer may unpack to plainRatio times what was read of it so far, and to
	// minPlain whatever its size. Text compresses 20 to 1; deflate's own limit,
	// reached by zeros alone, is 1032 to 1. Nothing unpacks to more than maxPlain.
	plainRatio = 100
	minPlain   = 1 << 30
	maxPlain   = 256 << 30

	// Layers are read ahead in aheadPieces pieces of these sizes: about 1 MB a layer.
	aheadPieces = 3
	storedPiece = 64 << 10
	plainPiece  = 128 << 10

	// smallWindow is what every zstd decoder must accept (RFC 8878, 3.1.1.1.2);
	// windows up to maxWindow, zstd's own limit without --long, are taken one
	// at a time.
	smallWindow = 8 << 20
	maxWindow   = 128 << 20

	// maxEntries per layer: the largest seen have 200,000.
	maxEntries = 1_000_000
	// maxHeads bounds what is parsed of the tar besides contents: 1 KB for each
	// of maxEntries.
	maxHeads = 1 << 30
	// maxPath is POSIX's PATH_MAX.
	maxPath = 4096
	// maxLinkHops is where Linux gives up with ELOOP; POSIX asks for 8 at least.
	maxLinkHops = 40
	// maxSymlinkBytes bounds the names and targets of a layer's symbolic links
	// that are followed, maxLinks those kept with its result: the largest layers
	// seen have 60,000 of 120 bytes, of which 20 lead to a package database.
	maxSymlinkBytes = 32 << 20
	maxLinks        = 1_000
	// maxSparse is the largest file with holes that is read: its bytes cost
	// nothing in the layer.
	maxSparse = 16 << 20
	// maxPackages per layer: a large Node image has 20,000.
	maxPackages = 200_000
	// maxKept bounds, in bytes, what a layer tells: 20,000 packages take 6 MB.
	maxKept = 64 << 20
	// maxMarks and maxSecrets kept per layer: the largest seen have 300 marks. A
	// layer with more of them is one that was not read whole.
	maxMarks   = 5_000
	maxSecrets = 1_000
	// maxHistory is how many build steps are searched, maxPathDirs how many
	// directories PATH names: about eight times the most seen.
	maxHistory  = 2_000
	maxPathDirs = 100
	// maxGaps kept per layer: the rest is counted in one more.
	maxGaps = 50
	// maxGapText and maxGapPath bound the words of one.
	maxGapText = 1_000
	maxGapPath = 300

	// spillAt is the largest file kept in memory; a larger one that needs
	// reading at random (a binary, a jar) goes to a temporary file. All layers
	// that are read at once share maxHeld, besides scratchSize each.
	spillAt     = 16 << 20
	maxHeld     = 32 << 20
	scratchSize = 1 << 20
	// maxNested is the largest archive within an archive, which is unpacked to memory.
	maxNested = 64 << 20
	// maxBinary and maxArchive bound what is read for Go build information and of jars.
	maxBinary  = 2 << 30
	maxArchive = 1 << 30
	// maxText bounds a package's own metadata file; the largest package.json seen is 2 MB.
	maxText = 16 << 20
	// maxDatabase bounds a package database; a full desktop's dpkg status takes 15 MB.
	maxDatabase = 256 << 20

	// Bounds inside a jar: archives within archives, entries, and unpacked bytes
	// in all, which may be plainRatio times the jar's, and minJarPlain whatever
	// its size.
	maxJarDepth   = 4
	maxJarEntries = 200_000
	maxJarList    = 32 << 20
	minJarPlain   = 64 << 20
	maxJarPlain   = 2 << 30

	// Bounds on a registry's answers. Pages hold 1,000 names as asked.
	maxListing      = 16 << 20
	maxPages        = 5_000
	maxErrorBody    = 64 << 10
	pageSize        = 1_000
	maxRetries      = 4
	maxRetryWait    = 60 * time.Second
	maxLayerTries   = 3
	stallTimeout    = 60 * time.Second // for the headers of an answer, and for minProgress bytes of its body
	progressStep    = 4 << 20
	maxRedirects    = 10
	maxTarballIndex = 100_000 // entries of a saved image: a handful per layer
)
