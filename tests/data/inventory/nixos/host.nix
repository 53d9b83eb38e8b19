{ version, ... }:
{
  virtualisation.oci-containers.containers = {
    # image = "registry.test/zot-verify/inventory/app:old";
    app.image = "registry.test/zot-verify/inventory/app:${version}";
    host.image = "registry.test/zot-verify/inventory/host@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  };
}
