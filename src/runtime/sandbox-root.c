/* What is seen inside of a sandbox: the system, read-only, and nobody's data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/own.h"
#include "runtime/sandbox-priv.h"

/* Folders of the system; where one is a link (a merged /usr), the link. */
static const char *const folders[] = {"/usr",   "/bin",   "/sbin",   "/lib",
                                      "/lib32", "/lib64", "/libx32", "/opt"};

/* What programs read of /etc and what names no user, no host and no secret. */
static const char *const settings[] = {"/etc/ld.so.cache",     "/etc/ld.so.conf",
                                       "/etc/ld.so.conf.d",    "/etc/alternatives",
                                       "/etc/localtime",       "/etc/timezone",
                                       "/etc/locale.alias",    "/etc/mime.types",
                                       "/etc/services",        "/etc/protocols",
                                       "/etc/ssl/certs",       "/etc/ssl/openssl.cnf",
                                       "/etc/pki/tls/certs",   "/etc/pki/ca-trust",
                                       "/etc/ca-certificates", "/etc/ca-certificates.conf",
                                       "/etc/fonts",           "/etc/magic",
                                       "/etc/terminfo",        "/etc/nvidia",
                                       "/etc/OpenCL",          "/etc/bash.bashrc",
                                       "/etc/profile",         "/etc/R",
                                       "/etc/java-17-openjdk", "/etc/java-21-openjdk",
                                       "/etc/os-release",      "/etc/debian_version"};

/* Settings of the kernel. To root they are writable without any capability: the files' owner is the
 * same outside. */
static const char *const kernel[] = {"/proc/sys", "/proc/sysrq-trigger", "/proc/fs",  "/proc/irq",
                                     "/proc/bus", "/proc/acpi",          "/proc/scsi"};

static const char *const made[] = {"passwd", "group", "nsswitch.conf", "hosts"};

#define PASSWD                                                                                     \
    "root:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"
#define GROUP "root:x:0:\nnogroup:x:65534:\n"

static bool below(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return !strncmp(path, folder, n) && (path[n] == '/' || path[n] == '\0');
}

bool sandbox_shows(const char *path)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (below(path, folders[i]))
            return true;
    return false;
}

static void show_folder(const char *folder, struct args *to)
{
    char target[4096];
    ssize_t n = readlink(folder, target, sizeof target - 1);

    if (n > 0) {
        target[n] = '\0';
        args_adds(to, "--symlink", target, folder, NULL);
    } else if (fs_is_dir(folder)) {
        args_adds(to, "--ro-bind", folder, folder, NULL);
    }
}

void sandbox_root(const char *files, struct args *to)
{
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        show_folder(folders[i], to);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (fs_exists(settings[i]))
            args_adds(to, "--ro-bind", settings[i], settings[i], NULL);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        args_add(to, "--ro-bind");
        args_addf(to, "%s/%s", files, made[i]);
        args_addf(to, "/etc/%s", made[i]);
    }
    args_adds(to, "--proc", "/proc", NULL);
    for (size_t i = 0; i < sizeof kernel / sizeof *kernel; i++)
        if (fs_exists(kernel[i]))
            args_adds(to, "--ro-bind", kernel[i], kernel[i], NULL);
    args_adds(to, "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run", "--dir", "/var", "--symlink",
              "../tmp", "/var/tmp", NULL);
}

void sandbox_network(struct args *to)
{
    static const char *const names[] = {"/etc/resolv.conf", "/etc/gai.conf", "/etc/host.conf"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (fs_exists(names[i]))
            args_adds(to, "--ro-bind", names[i], names[i], NULL);
    args_adds(to, "--ro-bind", "/etc/hosts", "/etc/hosts", NULL);
}

void sandbox_hide(const char *folder, struct args *to)
{
    own_mem char *real = folder ? realpath(folder, NULL) : NULL;

    if (real && sandbox_shows(real))
        args_adds(to, "--tmpfs", real, NULL);
}

/* Other runs may be reading it: it is touched only where it is to change. */
int sandbox_write(const char *path, const void *bytes, size_t n, struct dh_err *err)
{
    own_mem char *old = NULL;
    size_t n_old;

    if (fs_read(path, 65536, &old, &n_old, NULL) == 0 && n_old == n && !memcmp(old, bytes, n))
        return 0;
    return fs_write(path, bytes, n, 0644, err);
}

int sandbox_write_files(const char *files, struct dh_err *err)
{
    own_mem char *passwd = NULL;
    own_mem char *group = NULL;
    unsigned uid = geteuid(), gid = getegid();
    struct {
        const char *name, *text;
    } texts[] = {{"passwd", NULL},
                 {"group", NULL},
                 {"nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"},
                 {"hosts", "127.0.0.1 localhost\n::1 localhost\n"}};

    if (fs_mkdirs(files, 0755, err) < 0)
        return -1;
    if (uid != 0 && uid != 65534) {
        passwd = dh_printf(PASSWD "dhow:x:%u:%u:dhow:/tmp:/bin/sh\n", uid, gid);
        group = dh_printf(GROUP "dhow:x:%u:\n", gid);
    }
    texts[0].text = passwd ? passwd : PASSWD;
    texts[1].text = group ? group : GROUP;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        own_mem char *path = fs_join(files, texts[i].name);

        if (sandbox_write(path, texts[i].text, strlen(texts[i].text), err) < 0)
            return -1;
    }
    return 0;
}
