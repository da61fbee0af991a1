# curves.gp: loss of size/mlp per epoch on cpu and OpenCL: gnuplot curves.gp
set terminal pngcairo size 800,420 font "sans,11"
set output "curves.png"
set datafile separator ","
set xlabel "epoch"
set ylabel "training loss (cross-entropy)"
set grid
set title "size/mlp, Fashion-MNIST, batch 512, rate 1, seed 2021"
plot "curves.csv" skip 1 using 1:2 with lines lw 5 lc rgb "#56b4e9" title "cpu", \
     "" skip 1 using 1:3 with linespoints lw 1.5 pt 7 lc rgb "#d55e00" title "OpenCL (PoCL)"
