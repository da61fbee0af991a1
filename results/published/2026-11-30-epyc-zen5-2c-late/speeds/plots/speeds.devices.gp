# speeds.devices.gp: draws speeds.devices.png from speeds.devices.dat, when gnuplot runs it in this folder.
reset
set encoding utf8
if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) set terminal pngcairo size 900,410 noenhanced font 'Sans,11'; else set terminal png size 900,410 noenhanced
data = 'speeds.devices.dat'
set border 3 lc rgb '#555555'
set tics nomirror textcolor rgb '#222222'
set format '%g'
set grid ytics lt 1 lw 1 lc rgb '#e0e0e0'
set output 'speeds.devices.png'
set autoscale xfix
set multiplot
set label 1 'speed, medians of 6 processes, 95 % interval' at screen 0.5, screen 0.9439 center font ',13' textcolor rgb '#222222'

set lmargin at screen 0.2844
set rmargin at screen 0.9667
set bmargin at screen 0.2244
set tmargin at screen 0.8829
set xlabel 'samples per second of whole training steps'
set ylabel ''
set logscale x
unset logscale y
set xtics autofreq
set yrange [*:*]
set ytics scale 0 ('size/mlp' 10, 'size/lenet' 9, 'cnn/mnist' 8, 'trajectory/mlp-b256' 7, 'tricks/cnn' 6, 'size/deep-mlp' 5, 'tricks/cnn-batchnorm' 4, 'animals/no-augment' 3, 'trajectory/batchnorm-dropout' 2, 'toy/regression' 1, 'cnn/cifar, batch=256' 0)
set yrange [-0.6:10.6]
set format x '%.0s %c'
set grid xtics ytics lt 1 lw 1 lc rgb '#e0e0e0'
set xrange [4717.53046:4305100.93]
plot data index 0 using 2:1:3:4 with xerrorbars lw 1.5 pt 7 ps 0 lc rgb '#0072b2' dt 1 notitle, \
     data index 0 using 2:1 with points pt 7 ps 1.1 lc rgb '#0072b2' dt 1 notitle, \
     data index 1 using 2:1:3:4 with xerrorbars lw 1.5 pt 7 ps 0 lc rgb '#d55e00' dt 1 notitle, \
     data index 1 using 2:1 with points pt 5 ps 1.1 lc rgb '#d55e00' dt 1 notitle, \
     data index 2 using 2:1:3:4 with xerrorbars lw 1.5 pt 7 ps 0 lc rgb '#009e73' dt 1 notitle, \
     data index 2 using 2:1 with points pt 9 ps 1.1 lc rgb '#009e73' dt 1 notitle

unset label 1
unset border
unset tics
unset xlabel
unset ylabel
unset grid
unset logscale
set lmargin at screen 0.01
set rmargin at screen 0.99
set key at screen 0.5, screen 0.015 center bottom horizontal maxcols 3 Left reverse samplen 3
plot [0:1] [0:1] NaN with points pt 7 ps 1.1 lc rgb '#0072b2' dt 1 title 'cpu', \
     NaN with points pt 5 ps 1.1 lc rgb '#d55e00' dt 1 title 'opencl:0', \
     NaN with points pt 9 ps 1.1 lc rgb '#009e73' dt 1 title 'torch-eager on cpu'
unset multiplot
unset output
