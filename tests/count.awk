# count.awk: counts tests in the output of `ctest -V` ("N: line" is a line of entry N) and lists skips and failures.
#
# A cmocka program counts once per test inside it, any other entry once. An entry that failed without a failed test
# (a crash, a timeout, a sanitizer) counts as one failure. Prints "failed NAME", "skipped NAME: REASON" and last the line
# "counts PASSED FAILED SKIPPED". What a test prints before skipping is the reason.

# entry k: name[k], verdict[k]; test t of it: state[k, t], order in tests[k, 1..ntests[k]], text said[k, t]

/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: / {
    line = $0
    sub(/^.*Test +#/, "", line)
    k = line
    sub(/:.*/, "", k)
    k += 0
    sub(/^[0-9]+: /, "", line)
    name[k] = line
    sub(/ .*/, "", name[k])
    if (line ~ /\*\*\*Skipped/) verdict[k] = "skipped"
    else if (line ~ / Passed /) verdict[k] = "passed"
    else verdict[k] = "failed"
    finished[++nfinished] = k
    next
}

/^[0-9]+: / {
    k = $0
    sub(/:.*/, "", k)
    k += 0
    text = $0
    sub(/^[0-9]+: /, "", text)
    if (text ~ /^(Test command|Working Directory|Environment variables|Test timeout computed)/) next
    if (match(text, /\[ RUN      \] /)) {
        t = substr(text, RSTART + RLENGTH)
        tests[k, ++ntests[k]] = t
        running[k] = t
    } else if (match(text, /\[       OK \] /)) note(k, substr(text, RSTART + RLENGTH), "passed")
    else if (match(text, /\[  SKIPPED \] /)) note(k, substr(text, RSTART + RLENGTH), "skipped")
    else if (match(text, /\[  (FAILED|ERROR )  \] /)) note(k, substr(text, RSTART + RLENGTH), "failed")
    else if (text !~ /^[ \t]*$/ && text !~ /^\[/) {
        if (running[k] != "") said[k, running[k]] = join(said[k, running[k]], text)
        else spoken[k] = join(spoken[k], text)
    }
    next
}

function join(a, b) { return a == "" ? b : a "; " b }

# The summary at the end repeats names and counts ("1 test(s), listed below:"): only a test that runs takes a verdict.
function note(k, t, what) {
    if (running[k] == "" || t != running[k]) return
    state[k, t] = what
    running[k] = ""
}

END {
    for (i = 1; i <= nfinished; i++) {
        k = finished[i]
        bad = 0
        for (j = 1; j <= ntests[k]; j++) {
            t = tests[k, j]
            if (state[k, t] == "passed") passed++
            else if (state[k, t] == "skipped") {
                skipped++
                print "skipped " prefix name[k] "/" t ": " (said[k, t] == "" ? "no reason given" : said[k, t])
            } else { # failed, or never came back
                failed++
                bad++
                print "failed " prefix name[k] "/" t
            }
        }
        if (verdict[k] == "failed" && !bad) {
            failed++
            print "failed " prefix name[k]
        } else if (verdict[k] == "skipped" && !ntests[k]) {
            skipped++
            print "skipped " prefix name[k] ": " (spoken[k] == "" ? "no reason given" : spoken[k])
        } else if (verdict[k] == "passed" && !ntests[k]) passed++
    }
    print "counts " passed + 0, failed + 0, skipped + 0
}
