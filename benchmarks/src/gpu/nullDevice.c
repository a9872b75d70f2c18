/*
 * A Vulkan driver that hands everything to Mesa's RADV, except that recording and submitting commands do nothing. With
 * RADV_FORCE_FAMILY set RADV has a device without hardware, which compiles pipelines; it has no functions for command
 * buffers, which Dawn calls when it makes a device. RADV_LIBRARY names the library where the loader does not find it.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*Function)(void);
typedef Function (*Lookup)(void *owner, const char *name);

static Lookup device_lookup;

static Function from_radv(const char *name) {
  static void *library;
  if (library == NULL) {
    const char *path = getenv("RADV_LIBRARY");
    library = dlopen(path == NULL ? "libvulkan_radeon.so" : path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      return NULL;
    }
  }
  return (Function)dlsym(library, name);
}

/* VK_SUCCESS, whatever the arguments are. */
static uint64_t nothing(void) { return 0; }

static int starts(const char *name, const char *with) { return strncmp(name, with, strlen(with)) == 0; }

static int does_nothing(const char *name) {
  return starts(name, "vkCmd") || starts(name, "vkQueueSubmit") || strstr(name, "WaitIdle") != NULL ||
         strstr(name, "CommandBuffer") == name + strlen(name) - strlen("CommandBuffer") ||
         strcmp(name, "vkResetCommandPool") == 0 || strcmp(name, "vkWaitForFences") == 0 ||
         strcmp(name, "vkGetFenceStatus") == 0 || strcmp(name, "vkResetFences") == 0;
}

static Function replaced(Function function, const char *name) {
  return function != NULL && does_nothing(name) ? (Function)nothing : function;
}

static Function of_device(void *device, const char *name) { return replaced(device_lookup(device, name), name); }

Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  Lookup lookup = (Lookup)from_radv("vk_icdGetInstanceProcAddr");
  if (lookup == NULL) return NULL;
  Function function = lookup(instance, name);
  if (function == NULL || strcmp(name, "vkGetDeviceProcAddr") != 0) return replaced(function, name);
  device_lookup = (Lookup)function;
  return (Function)of_device;
}

Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  Lookup lookup = (Lookup)from_radv("vk_icdGetPhysicalDeviceProcAddr");
  return lookup == NULL ? NULL : lookup(instance, name);
}

int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  int (*negotiate)(uint32_t *) = (int (*)(uint32_t *))from_radv("vk_icdNegotiateLoaderICDInterfaceVersion");
  return negotiate == NULL ? -3 : negotiate(version);
}
