package fleet

// What tests in package fleet_test need of those here: they may import what imports this package.
var (
	Vet           = vet
	TestingWorker = &worker
)

// Example is the example fleet's directory.
const Example = example
