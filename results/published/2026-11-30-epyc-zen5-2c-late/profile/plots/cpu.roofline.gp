# cpu.roofline.gp: draws cpu.roofline.png from cpu.roofline.dat, when gnuplot runs it in this folder.
reset
set encoding utf8
if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) set terminal pngcairo size 900,566 noenhanced font 'Sans,11'; else set terminal png size 900,566 noenhanced
data = 'cpu.roofline.dat'
set border 3 lc rgb '#555555'
set tics nomirror textcolor rgb '#222222'
set format '%g'
set grid ytics lt 1 lw 1 lc rgb '#e0e0e0'
set output 'cpu.roofline.png'
set autoscale xfix
set multiplot
set label 1 'roofline of cpu; memory 173 GB/s' at screen 0.5, screen 0.9594 center font ',13' textcolor rgb '#222222'

set lmargin at screen 0.1067
set rmargin at screen 0.9667
set bmargin at screen 0.3534
set tmargin at screen 0.9152
set xlabel 'floating-point operations per byte that must be moved'
set ylabel 'GFLOP/s over a whole step'
set logscale x
set logscale y
set xtics autofreq
set yrange [*:*]
set xrange [0.834354413:70.8542043]
set xtics (1, 2, 5, 10, 20, 50)
set yrange [28.2451593:847.354777]
set ytics (50, 100, 200, 500)
set grid xtics ytics lt 1 lw 1 lc rgb '#e0e0e0'
plot data index 0 using 1:2 with lines lw 2.5 lc rgb '#000000' dt 1 notitle, \
     data index 1 using 1:2 with lines lw 1.5 lc rgb '#000000' dt 2 notitle, \
     data index 2 using 1:2 with points pt 7 ps 1.5 lc rgb '#0072b2' dt 1 notitle, \
     data index 3 using 1:2 with points pt 7 ps 1.5 lc rgb '#d55e00' dt 1 notitle, \
     data index 4 using 1:2 with points pt 7 ps 1.5 lc rgb '#009e73' dt 1 notitle, \
     data index 5 using 1:2 with points pt 7 ps 1.5 lc rgb '#e69f00' dt 1 notitle, \
     data index 6 using 1:2 with points pt 7 ps 1.5 lc rgb '#cc79a7' dt 1 notitle, \
     data index 7 using 1:2 with points pt 7 ps 1.5 lc rgb '#56b4e9' dt 1 notitle, \
     data index 8 using 1:2 with points pt 5 ps 1.5 lc rgb '#0072b2' dt 1 notitle, \
     data index 9 using 1:2 with points pt 5 ps 1.5 lc rgb '#d55e00' dt 1 notitle, \
     data index 10 using 1:2 with points pt 5 ps 1.5 lc rgb '#009e73' dt 1 notitle, \
     data index 11 using 1:2 with points pt 5 ps 1.5 lc rgb '#e69f00' dt 1 notitle, \
     data index 12 using 1:2 with points pt 5 ps 1.5 lc rgb '#cc79a7' dt 1 notitle

unset label 1
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set lmargin at screen 0.01
set rmargin at screen 0.99
set key at screen 0.5, screen 0.015 center bottom horizontal maxcols 2 Left reverse samplen 3
plot [0:1] [0:1] NaN with lines lw 2.5 lc rgb '#000000' dt 1 title 'multiply-adds: 565 GFLOP/s', \
     NaN with lines lw 1.5 lc rgb '#000000' dt 2 title 'best matrix product: 509 GFLOP/s', \
     NaN with points pt 7 ps 1.5 lc rgb '#0072b2' dt 1 title 'size/mlp', \
     NaN with points pt 7 ps 1.5 lc rgb '#d55e00' dt 1 title 'size/lenet', \
     NaN with points pt 7 ps 1.5 lc rgb '#009e73' dt 1 title 'cnn/mnist', \
     NaN with points pt 7 ps 1.5 lc rgb '#e69f00' dt 1 title 'trajectory/mlp-b256', \
     NaN with points pt 7 ps 1.5 lc rgb '#cc79a7' dt 1 title 'tricks/cnn', \
     NaN with points pt 7 ps 1.5 lc rgb '#56b4e9' dt 1 title 'size/deep-mlp', \
     NaN with points pt 5 ps 1.5 lc rgb '#0072b2' dt 1 title 'tricks/cnn-batchnorm', \
     NaN with points pt 5 ps 1.5 lc rgb '#d55e00' dt 1 title 'animals/no-augment', \
     NaN with points pt 5 ps 1.5 lc rgb '#009e73' dt 1 title 'trajectory/batchnorm-dropout', \
     NaN with points pt 5 ps 1.5 lc rgb '#e69f00' dt 1 title 'toy/regression', \
     NaN with points pt 5 ps 1.5 lc rgb '#cc79a7' dt 1 title 'cnn/cifar, batch=256'
unset multiplot
unset output
