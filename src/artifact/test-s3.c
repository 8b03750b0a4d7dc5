/* What of S3 needs no server: URIs, signatures (Amazon's published examples), profile files, keys,
 * sums, the parts of large objects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "artifact/s3.h"
#include "base/arena.h"
#include "base/crc.h"
#include "base/mem.h"
#include "base/xml.h"

static void clean_environment(void)
{
    static const char *const names[] = {
        "AWS_REGION",          "AWS_DEFAULT_REGION",          "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3", "DHOW_MINIO_ENDPOINT",         "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY",       "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONFIG_FILE",
        "GS_ACCESS_KEY_ID",    "GS_SECRET_ACCESS_KEY",        "AWS_SHARED_CREDENTIALS_FILE"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        (void)unsetenv(names[i]);
    (void)setenv("HOME", "/nowhere", 1);
}

/* ---- URIs ---- */

static void test_where(void **state)
{
    static const struct {
        const char *uri, *bucket, *key, *endpoint, *region, *base;
    } cases[] = {
        {"s3://b/a/c", "b", "a/c", NULL, "us-east-1", "https://b.s3.us-east-1.amazonaws.com"},
        {"s3://b?region=eu-west-1", "b", "", NULL, "eu-west-1",
         "https://b.s3.eu-west-1.amazonaws.com"},
        {"s3://a.b/k", "a.b", "k", NULL, "us-east-1", "https://s3.us-east-1.amazonaws.com/a.b"},
        {"s3://b/k?endpoint=http://h:9000/", "b", "k", "http://h:9000", "us-east-1",
         "http://h:9000/b"},
        {"s3://b/k?endpoint=h:9000&disableSSL=true", "b", "k", "http://h:9000", "us-east-1",
         "http://h:9000/b"},
        {"s3://b/k?endpoint=h:9000", "b", "k", "https://h:9000", "us-east-1", "https://h:9000/b"},
        {"s3://b/k?endpoint=http%3A%2F%2Fh%3A9000&use_path_style=false", "b", "k", "http://h:9000",
         "us-east-1", "http://b.h:9000"},
        {"S3://b/k", "b", "k", NULL, "us-east-1", "https://b.s3.us-east-1.amazonaws.com"},
        {"minio://b/k", "b", "k", "http://minio-service.kubeflow:9000", "us-east-1",
         "http://minio-service.kubeflow:9000/b"},
        {"minio://b/k?endpoint=h:9", "b", "k", "http://h:9", "us-east-1", "http://h:9/b"},
        {"gs://b/k", "b", "k", "https://storage.googleapis.com", "auto",
         "https://storage.googleapis.com/b"},
        /* what is no setting is part of the key */
        {"s3://b/what?.csv", "b", "what?.csv", NULL, "us-east-1",
         "https://b.s3.us-east-1.amazonaws.com"},
        {"s3://b/a?x=1", "b", "a?x=1", NULL, "us-east-1", "https://b.s3.us-east-1.amazonaws.com"},
        {"s3://b/a?b?region=r", "b", "a?b", NULL, "r", "https://b.s3.r.amazonaws.com"},
        {"s3://b/a b+c%20/", "b", "a b+c%20/", NULL, "us-east-1",
         "https://b.s3.us-east-1.amazonaws.com"},
    };
    (void)state;

    clean_environment();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_where struct s3_where w = {0};
        struct s3_client *c;
        struct dh_err err = {0};

        if (s3_where_parse(cases[i].uri, &w, &err) < 0)
            fail_msg("%s: %s", cases[i].uri, err.msg);
        assert_string_equal(w.bucket, cases[i].bucket);
        assert_string_equal(w.key, cases[i].key);
        assert_string_equal(w.region, cases[i].region);
        assert_string_equal(w.endpoint ? w.endpoint : "",
                            cases[i].endpoint ? cases[i].endpoint : "");
        assert_int_equal(s3_client_get(&w, &c, &err), 0);
        assert_string_equal(c->base, cases[i].base);
    }
}

static void test_where_refuses(void **state)
{
    static const struct {
        const char *uri, *says;
    } cases[] = {
        {"s3://", "no name of a bucket"},
        {"s3:///key", "no name of a bucket"},
        {"s3://AKIA:secret@b/key", "no name of a bucket"},
        {"s3://b/k?endpoint=ftp://h", "no S3 endpoint"},
        {"s3://b/k?endpoint=http://u:secret@h", "no user and password"},
        {"s3://b/k?region=a/b", "no name of a region"},
        {"s3://b/k?region=r&secret_key=secret", "Keys do not belong in a URI"},
        {"s3://b/k?region=%zz", "not well encoded"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_where struct s3_where w = {0};
        struct dh_err err = {0};

        assert_int_equal(s3_where_parse(cases[i].uri, &w, &err), -1);
        assert_int_equal(err.code, DH_INVALID);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].uri, err.msg);
        if (strstr(cases[i].uri, "secret@") || strstr(cases[i].uri, "=secret"))
            assert_null(strstr(err.msg, ":secret@"));
    }
}

/* ---- signatures ---- */

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define WHEN ((int64_t)1369353600 * 1000000) /* 24 May 2013, 00:00:00 GMT */

static const struct s3_keys example = {.id = (char *)"AKIAIOSFODNN7EXAMPLE",
                                       .secret =
                                           (char *)"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};

/* "Authenticating Requests: Using the Authorization Header", Amazon S3's API reference. */
static void test_sign(void **state)
{
    static const struct {
        struct s3_signing s;
        struct s3_pair query[2], headers[5];
        const char *signature;
    } cases[] = {
        {{.method = "GET", .path = "/test.txt", .n_headers = 3, .payload = EMPTY},
         {{0}},
         {{"range", "bytes=0-9"},
          {"x-amz-content-sha256", EMPTY},
          {"x-amz-date", "20130524T000000Z"}},
         "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
        {{.method = "PUT",
          .path = "/test%24file.text",
          .n_headers = 4,
          .payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
         {{0}},
         {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
          {"x-amz-content-sha256",
           "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"},
          {"x-amz-date", "20130524T000000Z"},
          {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
         "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
        {{.method = "GET", .path = "/", .n_query = 1, .n_headers = 2, .payload = EMPTY},
         {{"lifecycle", ""}},
         {{"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
         "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
        {{.method = "GET", .path = "/", .n_query = 2, .n_headers = 2, .payload = EMPTY},
         {{"prefix", "J"}, {"max-keys", "2"}},
         {{"x-amz-content-sha256", EMPTY}, {"x-amz-date", "20130524T000000Z"}},
         "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    };
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct s3_signing s = cases[i].s;
        own_mem char *header = NULL;
        const char *at;

        s.host = "examplebucket.s3.amazonaws.com";
        s.region = "us-east-1";
        s.service = "s3";
        s.query = cases[i].query;
        s.headers = cases[i].headers;
        s.now_us = WHEN;
        header = s3_sign(&s, &example);
        at = strstr(header, "Signature=");
        assert_non_null(at);
        assert_string_equal(at + strlen("Signature="), cases[i].signature);
        assert_null(strstr(header, example.secret));
    }
}

static void test_presign(void **state)
{
    const struct s3_signing s = {.method = "GET",
                                 .host = "examplebucket.s3.amazonaws.com",
                                 .path = "/test.txt",
                                 .region = "us-east-1",
                                 .service = "s3",
                                 .now_us = WHEN};
    own_mem char *query = s3_presign(&s, &example, 86400);
    (void)state;

    assert_non_null(
        strstr(query, "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2F"));
    assert_non_null(strstr(
        query, "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
}

static void test_encode(void **state)
{
    own_buf struct buf b = {0};
    char *text = NULL;
    (void)state;

    s3_encode(&b, "a b+c/%~\xC3\xA9", true);
    assert_string_equal(buf_str(&b), "a%20b%2Bc/%25~%C3%A9");
    buf_reset(&b);
    s3_encode(&b, "a/b", false);
    assert_string_equal(buf_str(&b), "a%2Fb");
    assert_int_equal(s3_percent_decode("a+b%2Bc%C3%A9", &text), 0);
    assert_string_equal(text, "a b+c\xC3\xA9");
    free(text);
    assert_int_equal(s3_percent_decode("a%", &text), -1);
    assert_int_equal(s3_percent_decode("a%0", &text), -1);
    assert_int_equal(s3_percent_decode("a%00", &text), -1);
}

/* ---- keys ---- */

static void test_ini(void **state)
{
    static const char text[] = "# a comment\n"
                               "[default]\n"
                               "aws_access_key_id = ONE\n"
                               "s3 =\n"
                               "  aws_access_key_id = NESTED\n"
                               "\n"
                               "[ profile two ]\n"
                               "region=eu-west-1\r\n"
                               "aws_access_key_id=TWO=2\n"
                               "[default]\n"
                               "late = yes";
    static const struct {
        const char *section, *name, *value;
    } cases[] = {{"default", "aws_access_key_id", "ONE"},
                 {"profile two", "region", "eu-west-1"},
                 {"profile two", "aws_access_key_id", "TWO=2"},
                 {"default", "late", "yes"},
                 {"two", "region", NULL},
                 {"default", "region", NULL}};
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        own_mem char *value = s3_ini_get(text, cases[i].section, cases[i].name);

        assert_string_equal(value ? value : "-", cases[i].value ? cases[i].value : "-");
    }
}

static void test_keys_at_hand(void **state)
{
    own_where struct s3_where w = {0};
    own_where struct s3_where google = {0};
    own_keys struct s3_keys keys = {0};
    struct dh_err err = {0};
    (void)state;

    clean_environment();
    assert_int_equal(s3_where_parse("s3://b/k", &w, &err), 0);
    assert_int_equal(s3_where_parse("gs://b/k", &google, &err), 0);
    assert_int_equal(s3_keys_find(&w, false, &keys, &err), S3_NO_KEYS);
    assert_non_null(strstr(err.msg, "AWS_ACCESS_KEY_ID"));
    assert_int_equal(setenv("AWS_ACCESS_KEY_ID", "ID", 1), 0);
    assert_int_equal(s3_keys_find(&w, false, &keys, &err), S3_NO_KEYS); /* half a pair is none */
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "SECRET", 1), 0);
    assert_int_equal(s3_keys_find(&w, false, &keys, &err), 0);
    assert_string_equal(keys.id, "ID");
    assert_null(keys.token);
    s3_keys_done(&keys);
    assert_int_equal(s3_keys_find(&google, false, &keys, &err), S3_NO_KEYS);
    assert_non_null(strstr(err.msg, "GS_ACCESS_KEY_ID"));
    clean_environment();
}

static void test_keys_json(void **state)
{
    static const char whole[] = "{\"AccessKeyId\": \"A\", \"SecretAccessKey\": \"B\", \"Token\": "
                                "\"C\", \"Expiration\": \"2030-01-01T00:00:00Z\"}";
    own_keys struct s3_keys keys = {0};
    struct dh_err err = {0};
    (void)state;

    assert_int_equal(s3_keys_from_json(whole, strlen(whole), &keys, &err), 0);
    assert_string_equal(keys.token, "C");
    assert_true(keys.expires_us > WHEN);
    s3_keys_done(&keys);
    assert_int_equal(s3_keys_from_json("{\"AccessKeyId\": \"TOPSECRET", 25, &keys, &err), -1);
    assert_null(strstr(err.msg, "TOPSECRET"));
    assert_int_equal(s3_keys_from_json("{}", 2, &keys, &err), -1);
}

/* ---- sums, parts ---- */

static void test_sums(void **state)
{
    char block[1000];
    unsigned char raw[DIGEST_RAW];
    char text[S3_BASE64];
    (void)state;

    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32_add(0, "123456789", 9), 0xcbf43926u);
    assert_int_equal(crc32c(0, "", 0), 0);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof block; i += 37) /* in two steps it is the same */
        assert_int_equal(crc32c(crc32c(0, block, i), block + i, sizeof block - i),
                         crc32c(0, block, sizeof block));
    for (size_t i = 0; i <= sizeof block; i += 50) { /* and of two that are joined */
        size_t rest = sizeof block - i;

        assert_int_equal(crc32c_join(crc32c(0, block, i), crc32c(0, block + i, rest), rest),
                         crc32c(0, block, sizeof block));
        assert_int_equal(crc32_join(crc32_add(0, block, i), crc32_add(0, block + i, rest), rest),
                         crc32_add(0, block, sizeof block));
    }
    digest_raw("abc", 3, raw);
    assert_string_equal(s3_base64(raw, DIGEST_RAW, text),
                        "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
}

static void test_parts(void **state)
{
    static const int64_t sizes[] = {1, S3_PUT_MAX + 1, (int64_t)5 << 30, (int64_t)160 << 30,
                                    (int64_t)5 << 40};
    (void)state;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t part = s3_part_size(sizes[i]);

        assert_true(part >= S3_PART && part <= (int64_t)5 << 30);
        assert_true((sizes[i] + part - 1) / part <= S3_PARTS_MAX);
    }
}

/* ---- XML ---- */

static void test_xml(void **state)
{
    static const char good[] = "<?xml version=\"1.0\"?><a:R xmlns:a=\"x\"><K> a &amp;&#10;b </K>\n"
                               "<L><M>1</M><M>2</M></L></a:R>";
    static const char *const bad[] = {
        "",
        "<a>",
        "<a></b>",
        "text",
        "<a/><b/>",
        "<!DOCTYPE a [<!ENTITY x \"xx\"><!ENTITY y \"&x;&x;\">]><a>&y;</a>",
        "<a>&unknown;</a>"};
    own(arena_free) struct arena *arena = arena_new();
    own_buf struct buf b = {0};
    const struct xml *x;
    struct dh_err err = {0};
    (void)state;

    assert_int_equal(xml_parse(good, strlen(good), arena, &x, &err), 0);
    assert_string_equal(x->name, "R");
    assert_string_equal(xml_text(x, "K"), " a &\nb ");
    assert_string_equal(xml_text(xml_child(x, "L"), "M"), "1");
    assert_string_equal(xml_child(x, "L")->child->next->text, "2");
    assert_string_equal(xml_text(x, "none"), "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(xml_parse(bad[i], strlen(bad[i]), arena, &x, &err), -1);
    for (int i = 0; i < 40; i++)
        buf_adds(&b, "<a>");
    assert_int_equal(xml_parse(b.p, b.n, arena, &x, &err), -1);
    assert_non_null(strstr(err.msg, "nested"));
    buf_reset(&b);
    xml_escape(&b, "<a&\"\n>");
    assert_string_equal(buf_str(&b), "&lt;a&amp;&quot;&#10;&gt;");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where),        cmocka_unit_test(test_where_refuses),
        cmocka_unit_test(test_sign),         cmocka_unit_test(test_presign),
        cmocka_unit_test(test_encode),       cmocka_unit_test(test_ini),
        cmocka_unit_test(test_keys_at_hand), cmocka_unit_test(test_keys_json),
        cmocka_unit_test(test_sums),         cmocka_unit_test(test_parts),
        cmocka_unit_test(test_xml),
    };

    return cmocka_run_group_tests_name("s3", tests, NULL, NULL);
}
