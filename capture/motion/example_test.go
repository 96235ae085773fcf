package motion_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/tracker-go/tracker/capture/motion"
)

// A camera looks at a wall of bricks of many shades, and pans to the right: the
// wall moves to the left.
func ExampleEstimator() {
	const width, height, brick = 640, 480, 20
	shades := make([]byte, 10000)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range shades {
		shades[i] = byte(50 + random.IntN(150))
	}
	look := func(pan int) motion.Pixels {
		p := motion.Pixels{Pix: make([]byte, width*height), Width: width, Height: height, Channels: 1}
		for i := range p.Pix {
			x, y := i%width+pan, i/width
			p.Pix[i] = shades[y/brick*100+x/brick]
		}
		return p
	}

	e := motion.New(motion.Options{})
	for _, pan := range []int{0, 12, 30} {
		m, ok, err := e.EstimatePixels(look(pan), nil)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("known %v: %.0f, %.0f\n", ok, m.TX, m.TY+0)
	}
	// Output:
	// known false: 0, 0
	// known true: -12, 0
	// known true: -18, 0
}
