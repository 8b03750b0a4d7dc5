package main

import (
	"context"
	"encoding/json"
	"fmt"

	wfv1 "github.com/argoproj/argo-workflows/v4/pkg/apis/workflow/v1alpha1"
	"github.com/argoproj/argo-workflows/v4/util/file"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// call adds the node of one call of a template, and those below it, as the controller has them
// when all of it is done: a loop's tasks n times, a pod within a Retry.
type status struct {
	wf    *wfv1.Workflow
	n     int
	nodes wfv1.Nodes
}

func (s *status) add(name, template, boundary string, kind wfv1.NodeType, arguments wfv1.Arguments) string {
	id := s.wf.NodeID(name)
	now := metav1.Now()
	node := wfv1.NodeStatus{
		ID: id, Name: name, DisplayName: name[lastDot(name)+1:], Type: kind, TemplateName: template,
		TemplateScope: "local/" + s.wf.Name, BoundaryID: boundary, Phase: wfv1.NodeSucceeded,
		StartedAt: now, FinishedAt: now, Progress: "1/1",
		ResourcesDuration: wfv1.ResourcesDuration{"cpu": 10, "memory": 100},
	}
	if len(arguments.Parameters) > 0 {
		node.Inputs = &wfv1.Inputs{Parameters: arguments.Parameters}
	}
	if kind == wfv1.NodeTypePod {
		exit := "0"
		node.HostNodeName = "node-0123456789.example.internal"
		node.Outputs = &wfv1.Outputs{ExitCode: &exit}
	}
	s.nodes[id] = node
	return id
}

func lastDot(name string) int {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '.' {
			return i
		}
	}
	return -1
}

func (s *status) child(parent, id string) {
	node := s.nodes[parent]
	node.Children = append(node.Children, id)
	s.nodes[parent] = node
}

func (s *status) call(name, template, boundary string, arguments wfv1.Arguments) string {
	t := s.wf.GetTemplateByName(template)
	if t.DAG == nil {
		if t.RetryStrategy == nil {
			return s.add(name, template, boundary, wfv1.NodeTypePod, arguments)
		}
		id := s.add(name, template, boundary, wfv1.NodeTypeRetry, arguments)
		s.child(id, s.add(name+"(0)", template, boundary, wfv1.NodeTypePod, arguments))
		return id
	}
	id := s.add(name, template, boundary, wfv1.NodeTypeDAG, arguments)
	for _, task := range t.DAG.Tasks {
		at := name + "." + task.Name
		if !task.ShouldExpand() {
			s.child(id, s.call(at, task.Template, id, task.Arguments))
			continue
		}
		group := s.add(at, task.Template, id, wfv1.NodeTypeTaskGroup, wfv1.Arguments{})
		s.child(id, group)
		for i := 0; i < s.n; i++ {
			s.child(group, s.call(fmt.Sprintf("%s(%d:%d)", at, i, i), task.Template, id, task.Arguments))
		}
	}
	return id
}

func size(path string, n int) error {
	wf, _, err := read(path)
	if err != nil {
		return err
	}
	s := &status{wf: wf, n: n, nodes: wfv1.Nodes{}}
	spec, err := json.Marshal(wf)
	if err != nil {
		return err
	}
	s.call(wf.Name, wf.Spec.Entrypoint, "", wfv1.Arguments{})
	nodes, err := json.Marshal(s.nodes)
	if err != nil {
		return err
	}
	packed := file.CompressEncodeString(context.Background(), string(nodes))
	fmt.Printf("{\"nodes\": %d, \"spec_bytes\": %d, \"node_bytes\": %d, \"stored_bytes\": %d}\n",
		len(s.nodes), len(spec), len(nodes), len(spec)+len(packed))
	return nil
}
