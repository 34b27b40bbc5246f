package fleet

type source struct{}
