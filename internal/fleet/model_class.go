package fleet

// Class is a hardware class; schema/class.cue documents the fields.
type Class struct {
	Meta
	Description     string               `json:"description,omitempty"`
	Architecture    string               `json:"architecture,omitempty"`
	Height          int                  `json:"height"` // rack units
	GPUs            *GPUs                `json:"gpus,omitempty"`
	CPUs            int                  `json:"cpus"`   // logical processors
	Memory          int                  `json:"memory"` // GiB
	NICs            []ClassNIC           `json:"nics"`
	BIOS            map[string]any       `json:"bios"`     // string, int64 or bool by attribute name; see Fleet.BIOS
	Baselines       map[string]*Baseline `json:"baseline"` // by vendor
	Updates         Updates              `json:"updates"`
	RAID            *RAID                `json:"raid,omitempty"`
	Inspection      string               `json:"inspection"` // "agent" or "disabled"
	DisablePowerOff bool                 `json:"disablePowerOff"`
	BootMode        string               `json:"bootMode"`
	RootDeviceHints *DiskHints           `json:"rootDeviceHints,omitempty"`
	SpareDisks      int                  `json:"spareDisks"` // of one machine
	Sanitise        Sanitise             `json:"sanitise"`
	Acceptance      Acceptance           `json:"acceptance"`
	Image           string               `json:"image,omitempty"`
	NetworkData     string               `json:"networkData,omitempty"` // a MachineConfig
	Resources       map[string]string    `json:"resources"`             // Kubernetes quantities by resource name
	Reserved        map[string]string    `json:"reserved"`              // of them, for the kubelet
	Cost            int                  `json:"cost"`
}

// GPUs are the accelerators of one machine.
type GPUs struct {
	Model string `json:"model"`
	Count int    `json:"count"`
}

// ClassNIC is a network port that every machine of a class has.
type ClassNIC struct {
	Name string `json:"name"`
	Role string `json:"role"`
}

// Baseline is what the firmware and the BIOS of one vendor's machines ought to be.
type Baseline struct {
	Models   []string            `json:"models"` // empty: all
	BIOS     map[string]any      `json:"bios"`
	Firmware map[string]Firmware `json:"firmware"` // by component, as Metal3 names it
}

// Firmware is one component's version and where it is fetched from.
type Firmware struct {
	Version string `json:"version"`
	URL     string `json:"url"`
}

// Updates says when Metal3 puts changes in force: "onPreparing" or "onReboot".
type Updates struct {
	BIOS     string `json:"bios"`
	Firmware string `json:"firmware"`
}

// RAID is what volumes Metal3 makes; at most one of the two is not nil.
type RAID struct {
	Hardware []HardwareVolume `json:"hardware,omitempty"` // empty but not nil: none
	Software []SoftwareVolume `json:"software,omitempty"`
}

// HardwareVolume is a volume of a RAID controller.
type HardwareVolume struct {
	Level         string   `json:"level"`
	Name          string   `json:"name,omitempty"`
	Size          int      `json:"size,omitempty"`  // GiB; 0: all of the disks
	Disks         int      `json:"disks,omitempty"` // how many
	PhysicalDisks []string `json:"physicalDisks"`
	Controller    string   `json:"controller,omitempty"`
	Rotational    *bool    `json:"rotational,omitempty"`
}

// SoftwareVolume is a volume of Linux.
type SoftwareVolume struct {
	Level         string      `json:"level"`
	Size          int         `json:"size,omitempty"` // GiB; 0: all of the disks
	PhysicalDisks []DiskHints `json:"physicalDisks"`
}

// DiskHints choose a disk; Metal3 has the same names.
type DiskHints struct {
	DeviceName       string `json:"deviceName,omitempty"`
	HCTL             string `json:"hctl,omitempty"`
	Model            string `json:"model,omitempty"`
	Vendor           string `json:"vendor,omitempty"`
	SerialNumber     string `json:"serialNumber,omitempty"`
	WWN              string `json:"wwn,omitempty"`
	MinSizeGigabytes int    `json:"minSizeGigabytes,omitempty"`
	Rotational       *bool  `json:"rotational,omitempty"`
}

// Sanitise is what must have happened before a machine goes to another tenant.
type Sanitise struct {
	Cleaning string           `json:"cleaning"` // "metadata" or "disabled", as Metal3's automatedCleaningMode
	Checks   map[string]Check `json:"check"`
}

// Acceptance is what a machine must show before it is handed over.
type Acceptance struct {
	Checks map[string]Check `json:"check"`
}

// Check is one thing that a machine must show.
type Check struct {
	Description string `json:"description,omitempty"`
	Evidence    string `json:"evidence"` // one of the Evidence constants
}

// What shows that a check is passed.
const (
	EvidenceInspection = "inspection"
	EvidenceBIOS       = "bios"
	EvidenceFirmware   = "firmware"
	EvidenceGPUs       = "gpus"
	EvidenceRecord     = "record"
)
