/* Runs libsrtp's fuzzer over the files of a folder: fuzz_corpus FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: fuzz_corpus FOLDER\n");
        return 2;
    }
    LLVMFuzzerInitialize(&argc, &argv);
    unsigned files = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        static uint8_t octets[1 << 20];
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "rb");
        if (!file)
            continue;
        size_t len = fread(octets, 1, sizeof octets, file);
        fclose(file);
        /* Of its own size, so that reading beyond it is seen. */
        uint8_t *data = malloc(len ? len : 1);
        for (size_t i = 0; i < len; i++)
            data[i] = octets[i];
        LLVMFuzzerTestOneInput(data, len);
        free(data);
        files++;
    }
    closedir(folder);
    printf("%u\n", files);
    return 0;
}
