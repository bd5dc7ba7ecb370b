package verdict

// Resum writes a proof with a checksum that fits: what a forger would do.
func Resum(p Proof) ([]byte, error) {
	sum, err := p.sum()
	if err != nil {
		return nil, err
	}
	p.SHA256 = sum
	return p.Marshal()
}
