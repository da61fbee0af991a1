/* report.c: the verb `report`: recorded sessions as one page that works offline, or as markdown for a pull request. */
#include <stdlib.h>
#include <string.h>

#include "cli/verb.h"
#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "data/data.h"
#include "page/page.h"

/* report.html in `folder`. */
static rb_status write_page(const rb_report *report, const char *folder) {
    rb_status status = RB_OK;
    rb_text path = {0}, page = {0};
    int why = rb__make_folders(folder);
    if (why) {
        status = rb__write_failed(why, folder);
        goto cleanup;
    }
    size_t length = strlen(folder);
    rb_text_printf(&path, "%s%sreport.html", folder, length && folder[length - 1] == '/' ? "" : "/");
    RB_TRY(rb_text_status(&path));
    RB_TRY(rb_report_html(report, &page));
    RB_TRY(rb_file_replace(path.data, page.data, page.length));
    rb_log(RB_LOG_INFO, "wrote %s (%.1f MB)", path.data, (double)page.length / 1e6);
cleanup:
    rb_text_free(&path);
    rb_text_free(&page);
    return status;
}

rb_status rb_verb_report(const rb_options *o) {
    static const char *const usual[] = {"results"};
    rb_status status = RB_OK;
    rb_report *report = NULL;
    rb_text text = {0};
    const char *const *paths = o->names.n ? (const char *const *)o->names.at : usual;
    const char *format = rb_value(o, RB_FLAG_OUTPUT), *folder = rb_value(o, RB_FLAG_OUT_DIR);
    RB_TRY(rb_output_choice(o, "html|md|json"));
    bool page = !format || !strcmp(format, "html");
    if (folder && !page && !getenv("REGBENCH_OUT_DIR")) { /* set for other verbs it is nobody's wish here */
        status = rb_fail(RB_USAGE, "--out-dir is for the page: -o %s goes to standard output", format);
        goto cleanup;
    }
    RB_TRY(rb_report_read(paths, o->names.n ? o->names.n : 1, rb_value(o, RB_FLAG_TITLE), &report));
    if (page) {
        status = write_page(report, folder ? folder : paths[0]);
        goto cleanup;
    }
    RB_TRY(!strcmp(format, "md") ? rb_report_md(report, &text) : rb_report_json(report, &text));
    if (strcmp(format, "md") != 0) rb_text_append(&text, "\n");
    RB_TRY(rb_text_status(&text));
    status = rb_print_text(text.data);
cleanup:
    rb_report_free(report);
    rb_text_free(&text);
    return status;
}
