// Command types decodes what is rendered for vCluster Platform into Platform's own types, strictly: a
// field that they don't have, or that has another form there, is an error. It reads a JSON list of
// documents from its input and writes what is wrong with them, one line each.
//
// It is a module of its own because Platform's types must never enter the product's go.mod. The test
// that runs it (render/types_test.go) puts two folders beside it: agentapi, which go.mod replaces, and
// config, the types of Platform's own configuration.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	storagev1 "github.com/loft-sh/api/v4/pkg/apis/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	strict "sigs.k8s.io/json"

	config "millwright.dev/millwright/render/testdata/types/config"
)

// object is any object of the management API: its specs are those of the storage API.
type object[Spec any] struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec Spec `json:"spec"`
}

// kinds are the types by kind. Config is Platform's configuration as its chart's values hold it.
var kinds = map[string]func() any{
	"App":                    func() any { return &object[storagev1.AppSpec]{} },
	"Cluster":                func() any { return &object[storagev1.ClusterSpec]{} },
	"ClusterRoleTemplate":    func() any { return &object[storagev1.ClusterRoleTemplateSpec]{} },
	"MachineConfigTemplate":  func() any { return &object[storagev1.MachineConfigTemplateSpec]{} },
	"NodeProfile":            func() any { return &object[storagev1.NodeProfileSpec]{} },
	"NodeProvider":           func() any { return &object[storagev1.NodeProviderSpec]{} },
	"OSImage":                func() any { return &object[storagev1.OSImageSpec]{} },
	"Project":                func() any { return &object[storagev1.ProjectSpec]{} },
	"SSHKey":                 func() any { return &object[storagev1.SSHKeySpec]{} },
	"Team":                   func() any { return &object[storagev1.TeamSpec]{} },
	"VirtualClusterInstance": func() any { return &object[storagev1.VirtualClusterInstanceSpec]{} },
	"VirtualClusterTemplate": func() any { return &object[storagev1.VirtualClusterTemplateSpec]{} },
	"Config":                 func() any { return &config.ConfigStatus{} },
}

// document is what is to be decoded, as what, and its name in messages.
type document struct {
	Name, Kind string
	Value      json.RawMessage
}

func main() {
	var documents []document
	if err := json.NewDecoder(os.Stdin).Decode(&documents); err != nil {
		fmt.Println("reading the documents:", err)
		os.Exit(2)
	}
	for _, d := range documents {
		if err := decode(d); err != nil {
			fmt.Printf("%s: %v\n", d.Name, err)
		}
	}
}

func decode(d document) error {
	newType, ok := kinds[d.Kind]
	if !ok {
		return fmt.Errorf("no type is known for kind %q: add it to kinds", d.Kind)
	}
	unknown, err := strict.UnmarshalStrict(d.Value, newType())
	return errors.Join(append(unknown, err)...)
}
