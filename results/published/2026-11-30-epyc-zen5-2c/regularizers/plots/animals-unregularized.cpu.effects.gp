# animals-unregularized.cpu.effects.gp: draws animals-unregularized.cpu.effects.png from animals-unregularized.cpu.effects.dat, when gnuplot runs it in this folder.
reset
set encoding utf8
if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) set terminal pngcairo size 900,470 noenhanced font 'Sans,11'; else set terminal png size 900,470 noenhanced
data = 'animals-unregularized.cpu.effects.dat'
set border 3 lc rgb '#555555'
set tics nomirror textcolor rgb '#222222'
set format '%g'
set grid ytics lt 1 lw 1 lc rgb '#e0e0e0'
set output 'animals-unregularized.cpu.effects.png'
set autoscale xfix
set multiplot
set label 1 'change against animals/unregularized on cpu, mean and 95 % interval over seeds' at screen 0.5, screen 0.9511 center font ',13' textcolor rgb '#222222'

set lmargin at screen 0.1067
set rmargin at screen 0.3000
set bmargin at screen 0.2213
set tmargin at screen 0.8979
set xlabel ''
set ylabel 'best validation accuracy, points'
unset logscale x
unset logscale y
set xtics autofreq
set yrange [*:*]
set xzeroaxis lt 1 lc rgb '#888888'
set yrange [*<0:0<*]
set xtics scale 0 rotate by 90 right font ',11' ('animals/l1' 0)
set xrange [-0.6:0.6]
plot data index 0 using 1:(100*$2):(100*$3):(100*$4) with yerrorbars lw 2 pt 7 ps 0 lc rgb '#0072b2' dt 1 notitle, \
     data index 0 using 1:(100*$2) with points pt 7 ps 1.2 lc rgb '#0072b2' dt 1 notitle

unset label 1
set lmargin at screen 0.4400
set rmargin at screen 0.6333
set bmargin at screen 0.2213
set tmargin at screen 0.8979
set xlabel ''
set ylabel 'training minus validation accuracy, points'
unset logscale x
unset logscale y
set xtics autofreq
set yrange [*:*]
set xzeroaxis lt 1 lc rgb '#888888'
set yrange [*<0:0<*]
set xtics scale 0 rotate by 90 right font ',11' ('animals/l1' 0)
set xrange [-0.6:0.6]
plot data index 1 using 1:(100*$2):(100*$3):(100*$4) with yerrorbars lw 2 pt 7 ps 0 lc rgb '#0072b2' dt 1 notitle, \
     data index 1 using 1:(100*$2) with points pt 7 ps 1.2 lc rgb '#0072b2' dt 1 notitle

set lmargin at screen 0.7733
set rmargin at screen 0.9667
set bmargin at screen 0.2213
set tmargin at screen 0.8979
set xlabel ''
set ylabel 'L2 norm of all parameters'
unset logscale x
unset logscale y
set xtics autofreq
set yrange [*:*]
set xzeroaxis lt 1 lc rgb '#888888'
set yrange [*<0:0<*]
set xtics scale 0 rotate by 90 right font ',11' ('animals/l1' 0)
set xrange [-0.6:0.6]
plot data index 2 using 1:(1*$2):(1*$3):(1*$4) with yerrorbars lw 2 pt 7 ps 0 lc rgb '#0072b2' dt 1 notitle, \
     data index 2 using 1:(1*$2) with points pt 7 ps 1.2 lc rgb '#0072b2' dt 1 notitle
unset multiplot
unset output
