// lint - reads Workflows (JSON, one file each) and says what Argo's own validation says of them.
//
//	lint FILE…             "FILE: ok" or "FILE: what is wrong"; exit status 1 where one is wrong
//	lint -expr < CASES     one JSON object a line: {"expr", "env": {"inputs.parameters.x": "text", …}} →
//	                       what Argo's controller makes of "{{=expr}}" there: {"value": text} or {"error": text};
//	                       {"text", "env"}: of a text with any tags
//	lint -size FILE N      the Workflow with a status as after N iterations of its loop, as the controller
//	                       would store it: bytes of the spec, of the nodes, and of both as packed
//
// Nothing here asks a cluster.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/logging"
	"github.com/argoproj/argo-workflows/v4/util/template"
	"github.com/argoproj/argo-workflows/v4/workflow/templateresolution"
	"github.com/argoproj/argo-workflows/v4/workflow/validate"
)

func read(path string) (*wfv1.Workflow, []byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	wf := &wfv1.Workflow{}
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(wf); err != nil {
		return nil, nil, err
	}
	return wf, text, nil
}

func lint(ctx context.Context, path string) error {
	wf, _, err := read(path)
	if err != nil {
		return err
	}
	none := &templateresolution.NullWorkflowTemplateNamespacedGetter{}
	cluster := &templateresolution.NullClusterWorkflowTemplateGetter{}
	return validate.ValidateWorkflow(ctx, none, cluster, wf, nil, validate.ValidateOpts{Submit: true})
}

type expression struct {
	Expr string            `json:"expr"`
	Text string            `json:"text"`
	Env  map[string]string `json:"env"`
}

func evaluate(ctx context.Context, c expression) map[string]string {
	if c.Text == "" {
		c.Text = "{{=" + c.Expr + "}}"
	}
	tag, _ := json.Marshal(c.Text)
	text, err := template.ReplaceStrict(ctx, string(tag), c.Env, []string{"tasks", "inputs"})
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	var value string
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		return map[string]string{"error": err.Error()}
	}
	return map[string]string{"value": value}
}

func evaluateAll(ctx context.Context) error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var c expression
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			return err
		}
		out, _ := json.Marshal(evaluate(ctx, c))
		fmt.Println(string(out))
	}
	return in.Err()
}

func main() {
	ctx := logging.WithLogger(context.Background(), logging.NewSlogLogger(logging.Error, logging.Text))
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "-expr" {
		if err := evaluateAll(ctx); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	if len(args) == 3 && args[0] == "-size" {
		n, err := strconv.Atoi(args[2])
		if err == nil {
			err = size(args[1], n)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		return
	}
	bad := 0
	for _, path := range args {
		if err := lint(ctx, path); err != nil {
			fmt.Printf("%s: %s\n", path, err)
			bad = 1
		} else {
			fmt.Printf("%s: ok\n", path)
		}
	}
	os.Exit(bad)
}
