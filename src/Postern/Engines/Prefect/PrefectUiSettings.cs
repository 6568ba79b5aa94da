using System.Text.Json;

namespace Postern.Engines.Prefect;

/// <summary>
/// What the server tells its pages of itself (<c>/ui-settings</c>), for pages that the gate serves: the API is where they are, and they have no login of their own, since the gate's came first.
/// </summary>
internal static class PrefectUiSettings
{
    /// <summary>The settings with those two changed and everything else as it was; null where they can't be read, or are none.</summary>
    /// <param name="settings">As the server answered.</param>
    /// <param name="origin">Where people open its pages.</param>
    public static byte[]? At(ReadOnlyMemory<byte> settings, string origin)
    {
        try
        {
            using var document = JsonDocument.Parse(settings);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                return null;
            }

            var buffer = new MemoryStream();
            using (var writer = new Utf8JsonWriter(buffer))
            {
                writer.WriteStartObject();
                foreach (var setting in document.RootElement.EnumerateObject())
                {
                    writer.WritePropertyName(setting.Name);
                    switch (setting.Name)
                    {
                        case "api_url":
                            writer.WriteStringValue(origin + "/api");
                            break;
                        case "auth":
                            writer.WriteNullValue();
                            break;
                        default:
                            writer.WriteRawValue(setting.Value.GetRawText());
                            break;
                    }
                }

                writer.WriteEndObject();
            }

            return buffer.ToArray();
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
