package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/report"
)

// Bounds of a file with questions.
const (
	maxQuestionBytes = 64 << 10
	maxQuestions     = 1_000_000
)

// flowsRun answers the questions of one file.
type flowsRun struct {
	app           *app
	estate        *estate.Estate
	file, cluster string

	asked, unmet int
	checks       []report.Check // kept for formats that count before they list
}

// checkFlows answers one question a line, in order, as it reads them.
func (a *app) checkFlows(e *estate.Estate, file, cluster string) error {
	in := a.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return &azward.Error{Kind: azward.KindUsage, Op: "read questions", Subject: file, Cause: err.Error(), Remedy: "name a file that can be read with --flows", Err: err}
		}
		defer f.Close()
		in = f
	}
	run := flowsRun{app: a, estate: e, file: file, cluster: cluster}
	if err := a.write(func(w io.Writer) error { return run.answer(in, w) }); err != nil {
		return err
	}
	if run.unmet > 0 {
		return &azward.Error{Kind: azward.KindFailOn, Op: "check flows", Cause: fmt.Sprintf("%d of %d answers are not the expected ones", run.unmet, run.asked)}
	}
	return nil
}

func (run *flowsRun) answer(in io.Reader, w io.Writer) error {
	out := bufio.NewWriter(w)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(make([]byte, 0, 4096), maxQuestionBytes)
	for line := 1; scanner.Scan(); line++ {
		text := strings.TrimSpace(scanner.Text())
		if text == "" {
			continue
		}
		if run.asked++; run.asked > maxQuestions {
			return &azward.Error{Kind: azward.KindUsage, Op: "read questions", Subject: run.file, Cause: fmt.Sprintf("it has more than %d", maxQuestions), Remedy: "split the file"}
		}
		q, r, err := answerLine(run.estate, text, run.cluster)
		if err != nil {
			return fmt.Errorf("%s line %d: %w", run.file, line, err)
		}
		if err := run.keep(out, q, r, line); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return &azward.Error{Kind: azward.KindBadInput, Op: "read questions", Subject: run.file, Cause: err.Error(), Remedy: "write one JSON question a line", Err: err}
	}
	switch run.app.output {
	case "junit":
		return report.JUnit(w, run.file, run.checks)
	case "sarif":
		return report.ChecksSARIF(w, run.file, run.checks, version)
	}
	return out.Flush()
}

// keep writes one answer, or keeps it for a format that needs all.
func (run *flowsRun) keep(out io.Writer, q exposure.Question, r exposure.Result, line int) error {
	if r.Met != nil && !*r.Met {
		run.unmet++
	}
	if run.app.output == "junit" || run.app.output == "sarif" {
		c := report.Check{Name: fmt.Sprintf("%s to %s, %s %d", r.From, r.To, r.Protocol, r.Port), Line: line, Expect: q.Expect, Answer: r.Answer, Summary: r.Summary}
		if len(r.DecidedBy) > 0 {
			c.Resource = r.DecidedBy[0].Resource
		}
		run.checks = append(run.checks, c)
		return nil
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	_, err = out.Write(append(raw, '\n'))
	return err
}

func answerLine(e *estate.Estate, text, cluster string) (exposure.Question, exposure.Result, error) {
	q := exposure.Question{Protocol: "tcp", Cluster: cluster}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&q); err != nil {
		return q, exposure.Result{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read question", Cause: err.Error(), Err: err,
			Remedy: `write {"from":"internet","to":"pod/shop/cart","protocol":"tcp","port":443,"expect":"no"}`,
		}
	}
	r, err := exposure.Check(e, q)
	return q, r, err
}
