// The storage of a local cluster: a claim becomes a directory of one pool that
// every node has mounted, since all nodes are on one machine. The class "local"
// ties a volume to the node its first pod was scheduled to, as a disk in a node
// would be; the class "shared" is one that every node reaches, for ReadWriteMany
// and for moving a running machine from node to node.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const provisionerName = "podvirt.dev/local-volumes"

// pool makes and removes the directories. Its path is the same in every node.
type pool struct {
	path string
}

func (p pool) Provision(_ context.Context, options controller.ProvisionOptions) (*core.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC.Spec
	if claim.VolumeMode != nil && *claim.VolumeMode == core.PersistentVolumeBlock {
		return nil, controller.ProvisioningFinished, fmt.Errorf("volumeMode Block: this class makes directories, ask for Filesystem")
	}
	shared := options.StorageClass.Parameters["reach"] == "all-nodes"
	for _, mode := range claim.AccessModes {
		if !shared && (mode == core.ReadWriteMany || mode == core.ReadOnlyMany) {
			return nil, controller.ProvisioningFinished, fmt.Errorf("access mode %s: use storageClassName shared", mode)
		}
	}
	reach := core.NodeSelectorRequirement{Key: core.LabelOSStable, Operator: core.NodeSelectorOpIn, Values: []string{"linux"}}
	if !shared {
		if options.SelectedNodeName == "" {
			return nil, controller.ProvisioningFinished, fmt.Errorf("no node was selected: the class must bind WaitForFirstConsumer")
		}
		reach = core.NodeSelectorRequirement{Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{options.SelectedNodeName}}
	}
	place := filepath.Join(p.path, options.PVName)
	if err := os.MkdirAll(place, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(place, 0o777); err != nil { // the umask took some
		return nil, controller.ProvisioningFinished, err
	}
	return volume(options, place, reach), controller.ProvisioningFinished, nil
}

func volume(options controller.ProvisionOptions, place string, reach core.NodeSelectorRequirement) *core.PersistentVolume {
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: options.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity:                      core.ResourceList{core.ResourceStorage: options.PVC.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeSource:        core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: place}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{
				{MatchExpressions: []core.NodeSelectorRequirement{reach}},
			}}},
		},
	}
}

func (p pool) Delete(_ context.Context, gone *core.PersistentVolume) error {
	// Only the name is trusted: a path in the object could be anybody's.
	return os.RemoveAll(filepath.Join(p.path, filepath.Base(gone.Name)))
}

// SupportsBlock lets block claims come to Provision, which answers with an event that says what to do.
func (p pool) SupportsBlock(context.Context) bool { return true }

func newLocalVolumesCommand() *cobra.Command {
	var kubeconfig, path string
	command := &cobra.Command{
		Use:   "local-volumes",
		Short: "make PersistentVolumes out of directories",
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			maker := controller.NewProvisionController(command.Context(), client, provisionerName, pool{path: path},
				controller.LeaderElection(false))
			maker.Run(command.Context())
			return nil
		},
	}
	command.Flags().StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API")
	command.Flags().StringVar(&path, "pool", "", "the directory that holds the volumes")
	return command
}
